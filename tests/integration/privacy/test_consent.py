"""What callers are promised, with the stores up."""

import asyncio

import grpc
import psycopg
import pytest
from weir.privacy.v1 import privacy_service_pb2 as pb

from libs.consent import ConsentReader
from services.privacy.consent.model import Subject
from services.privacy.consent.tokens import consent_token
from tests.integration.privacy.conftest import APP, PURPOSE, Privacy
from tests.support.rejections import reason_of
from tests.support.waiting import until


async def test_a_withdrawal_is_in_force_at_once(privacy: Privacy, redis_url: str) -> None:
    reader = ConsentReader(redis_url, 1)
    await reader.start()
    for number in range(20):
        person = f"ann-{number}"
        assert await privacy.check(person) == "allow"
        await privacy.record(person, telemetry=False)
        assert await privacy.check(person) == "anonymize"
        [text] = await reader.read(APP, [person])
        assert text is not None
        assert text.endswith(b" -telemetry")
        await privacy.record(person, telemetry=True)
        assert await privacy.check(person) == "allow"
    await reader.aclose()


async def test_many_calls_at_once_each_get_their_own_persons_answer(privacy: Privacy) -> None:
    people = [f"p{number}" for number in range(60)]
    await asyncio.gather(
        *(privacy.record(person, telemetry=place % 3 != 0) for place, person in enumerate(people))
    )
    for _ in range(5):
        answers = await asyncio.gather(*map(privacy.check, people))
        expected = ["anonymize" if place % 3 == 0 else "allow" for place in range(60)]
        assert answers == expected


async def test_recordings_of_one_person_at_once_end_in_the_last_of_them(
    privacy: Privacy, database_url: str
) -> None:
    await asyncio.gather(*(privacy.record("ann", telemetry=n % 2 == 0) for n in range(20)))
    with psycopg.connect(database_url) as connection:
        [(granted, version)] = connection.execute(
            "SELECT granted, version FROM privacy.consents"
        ).fetchall()
        [(last_granted, last, count)] = connection.execute(
            "SELECT (array_agg(granted ORDER BY version DESC))[1], max(version), count(*)"
            " FROM privacy.consent_history"
        ).fetchall()
    assert (granted, version, 20) == (last_granted, last, count)
    assert privacy.mirrored("ann") == ("+telemetry" if granted else "~telemetry")


async def test_a_token_is_never_answered_from_an_older_state(privacy: Privacy) -> None:
    await privacy.record("ann", telemetry=True)
    token = await privacy.record("ann", telemetry=False)
    privacy.mirror("ann", "1 +telemetry")
    assert await privacy.check("ann") == "allow"  # the older state is really there
    assert await privacy.check("ann", token) == "anonymize"


async def test_a_token_newer_than_the_truth_is_not_answered(privacy: Privacy) -> None:
    await privacy.record("ann", telemetry=True)
    with pytest.raises(grpc.RpcError) as caught:
        await privacy.check("ann", consent_token(Subject(APP, "ann"), 1_000_000))
    assert reason_of(caught.value) == ("UNAVAILABLE", "CONSENT_STALE", "")


async def test_somebody_elses_token_is_refused(privacy: Privacy) -> None:
    token = await privacy.record("ann", telemetry=True)
    with pytest.raises(grpc.RpcError) as caught:
        await privacy.check("bob", token)
    assert reason_of(caught.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "token")


async def test_a_thousand_are_answered_in_their_order(privacy: Privacy) -> None:
    await privacy.record("p7", telemetry=False)
    await privacy.record("p8", telemetry=True)
    request = pb.BatchCheckConsentRequest(
        app_id=APP, purpose=PURPOSE, subject_ids=[f"p{number}" for number in range(1_000)]
    )
    response = await privacy.stub.BatchCheckConsent(request)
    expected = [pb.DECISION_ALLOW] * 1_000
    expected[7] = pb.DECISION_ANONYMIZE
    assert list(response.decisions) == expected
    unknown, by_default = pb.CONSENT_STATUS_UNKNOWN, pb.DECISION_REASON_DEFAULT
    statuses, reasons = [unknown] * 1_000, [by_default] * 1_000
    statuses[7:9] = [pb.CONSENT_STATUS_DENIED, pb.CONSENT_STATUS_GRANTED]
    reasons[7:9] = [pb.DECISION_REASON_ANSWER] * 2
    assert (list(response.statuses), list(response.reasons)) == (statuses, reasons)
    versions = [[entry.version for entry in await privacy.history(who)] for who in ("p7", "p8")]
    assert list(response.consent_versions) == [0] * 7 + versions[0] + versions[1] + [0] * 991


@pytest.mark.parametrize("count", [0, 1_001])
async def test_more_or_fewer_are_refused(privacy: Privacy, count: int) -> None:
    request = pb.BatchCheckConsentRequest(app_id=APP, purpose=PURPOSE, subject_ids=["a"] * count)
    with pytest.raises(grpc.RpcError) as caught:
        await privacy.stub.BatchCheckConsent(request)
    assert reason_of(caught.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "subject_ids")


async def test_the_history_is_complete_and_comes_in_pages(privacy: Privacy) -> None:
    answers = [True, False, False, True, False]
    for granted in answers:
        await privacy.record("ann", telemetry=granted)
    await privacy.record("bob", telemetry=True)
    entries: list[pb.ConsentEntry] = []
    sizes = []
    page = ""
    while True:
        response = await privacy.stub.GetConsentHistory(
            pb.GetConsentHistoryRequest(app_id=APP, subject_id="ann", page_size=2, page_token=page)
        )
        entries += response.entries
        sizes.append(len(response.entries))
        page = response.next_page_token
        if not page:
            break
    assert sizes == [2, 2, 1]
    assert [entry.granted for entry in entries] == answers
    yes, withdrawn = pb.CONSENT_STATUS_GRANTED, pb.CONSENT_STATUS_WITHDRAWN
    assert [entry.status for entry in entries] == [yes, withdrawn, withdrawn, yes, withdrawn]
    assert {(e.purpose, e.actor, e.method, e.notice_version) for e in entries} == {
        (PURPOSE, "ann", "test", "1")
    }
    moments = [entry.recorded_at.ToNanoseconds() for entry in entries]
    assert moments == sorted(moments)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE privacy.consent_history SET granted = true",
        "DELETE FROM privacy.consent_history",
        "TRUNCATE privacy.consent_history",
    ],
)
async def test_history_cannot_be_changed_but_for_erasure(
    privacy: Privacy, database_url: str, statement: str
) -> None:
    await privacy.record("ann", telemetry=False)
    with psycopg.connect(database_url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            connection.execute(statement)
        with connection.transaction():
            connection.execute("SET LOCAL weir.erasure = 'on'")
            connection.execute(statement)
        # The door closes with its transaction.
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


async def test_only_the_number_of_a_change_may_be_set_and_once(
    privacy: Privacy, database_url: str
) -> None:
    await privacy.record("ann", telemetry=False)
    with psycopg.connect(database_url, autocommit=True) as connection:
        columns = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'privacy'"
            " AND table_name = 'consent_history' AND column_name <> 'change_number'"
        ).fetchall()
        for (column,) in columns:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                connection.execute(f"UPDATE privacy.consent_history SET {column} = {column}")

        def is_numbered() -> bool:
            return connection.execute(
                "SELECT change_number FROM privacy.consent_history"
            ).fetchall() == [(1,)]

        await until(is_numbered)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            connection.execute("UPDATE privacy.consent_history SET change_number = 2")


async def test_an_incomplete_recording_names_its_field(privacy: Privacy) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        await privacy.record("ann", marketing=False)
    assert reason_of(caught.value) == (
        "INVALID_ARGUMENT",
        "PURPOSE_UNKNOWN",
        "choices[0].purpose",
    )
    with pytest.raises(grpc.RpcError) as caught:
        await privacy.record("ann", app_id="chess", telemetry=False)
    assert reason_of(caught.value)[:2] == ("NOT_FOUND", "APP_UNKNOWN")
