"""The audit trail of the real service, on real stores: what leaves an entry, and what it says."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import grpc
import psycopg
import pytest
from psycopg import sql
from redis import Redis
from weir.privacy.v1 import audit_service_pb2 as pb
from weir.privacy.v1 import privacy_service_pb2

from libs.audit import Action, Auditor, Caller
from libs.audit.line import to_line
from libs.streams.names import AUDIT_STREAM, PRIVACY, quarantine_stream
from tests.integration.privacy.conftest import APP, Privacy
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYM_KEY, PSEUDONYMS
from tests.support.waiting import until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
METADATA = (
    ("x-request-id", "req-1"),
    ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),
)


def _pseudonym(subject_id: str, epoch: int = 1) -> str:
    """By hand, as ADR 31 has it."""
    key = hmac.new(PSEUDONYM_KEY.encode(), f"weir/{APP}/{epoch}".encode(), hashlib.sha256).digest()
    return hmac.new(key, subject_id.encode(), hashlib.sha256).hexdigest()[:32]


async def _withdraw(privacy: Privacy, subject_id: str) -> None:
    await privacy.stub.RecordConsent(
        privacy_service_pb2.RecordConsentRequest(
            app_id=APP,
            subject_id=subject_id,
            choices=[privacy_service_pb2.ConsentChoice(purpose="telemetry", granted=False)],
            actor="guardian@example.com",
            method="letter of ann",
        ),
        metadata=METADATA,
        timeout=20,
    )


async def _entries(privacy: Privacy, **query: Any) -> list[pb.AuditEntry]:
    response = await privacy.audit.ListEntries(
        pb.ListEntriesRequest(app_id=APP, **query), timeout=20
    )
    return list(response.entries)


async def test_a_recording_leaves_an_entry_about_a_pseudonym(privacy: Privacy) -> None:
    await _withdraw(privacy, "ann")
    [entry] = await _entries(privacy)
    assert (entry.actor, entry.action, entry.outcome) == ("no token", "consent.recorded", "done")
    assert entry.subject == _pseudonym("ann")
    assert (entry.request_id, entry.trace_id) == ("req-1", TRACE)
    details = json.loads(entry.details)
    assert details.pop("version") > 0
    assert details == {"denied": ["telemetry"]}
    # Nothing of what the caller wrote, nor the id.
    assert not [word for word in ("ann", "guardian", "letter") if word in str(entry)]


async def test_what_a_caller_writes_into_its_metadata_is_kept_as_an_id_only(
    privacy: Privacy,
) -> None:
    for metadata in (
        (("x-request-id", "ann@example.com"), ("traceparent", "00-ann-00f067aa0ba902b7-01")),
        (("x-request-id", "a b"), ("traceparent", "")),
        (("x-request-id", "x" * 129),),
    ):
        await privacy.stub.GetConsentHistory(
            privacy_service_pb2.GetConsentHistoryRequest(app_id=APP, subject_id="ann"),
            metadata=metadata,
            timeout=20,
        )
    found = await _entries(privacy)
    assert [(entry.request_id, entry.trace_id) for entry in found] == [("", "")] * 3


async def test_reading_a_page_of_a_history_leaves_an_entry(privacy: Privacy) -> None:
    for _ in range(3):
        await _withdraw(privacy, "ann")
    token, pages = "", 0
    while pages == 0 or token:
        response = await privacy.stub.GetConsentHistory(
            privacy_service_pb2.GetConsentHistoryRequest(
                app_id=APP, subject_id="ann", page_size=1, page_token=token
            ),
            timeout=20,
        )
        token, pages = response.next_page_token, pages + 1
    assert pages == 3
    reads = await _entries(privacy, action="consent.history_read")
    assert [(e.subject, e.actor) for e in reads] == [(_pseudonym("ann"), "no token")] * 3


async def test_a_recording_that_fails_leaves_none(privacy: Privacy, database_url: str) -> None:
    """In one transaction: without the entry nothing is recorded, and without the choice no entry."""
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "ALTER TABLE privacy.audit_entries ADD CONSTRAINT never CHECK (action = '') NOT VALID"
        )
        with pytest.raises(grpc.aio.AioRpcError):
            await _withdraw(privacy, "ann")
        rows = "SELECT count(*) FROM privacy.{}"
        for table in ("consents", "consent_history", "audit_entries"):
            query = sql.SQL(rows).format(sql.Identifier(table))
            assert owner.execute(query).fetchone() == (0,)


async def test_entries_are_found_by_time_actor_action_and_person(
    privacy: Privacy, clock: FixedClock
) -> None:
    for person in ("ann", "bob", "ann"):
        clock.now += timedelta(microseconds=1)
        await _withdraw(privacy, person)
    newest, middle, oldest = await _entries(privacy, action="consent.recorded")
    assert [e.subject for e in (newest, middle, oldest)] == list(
        map(_pseudonym, ("ann", "bob", "ann"))
    )
    by_person = await _entries(privacy, subject_id="ann", action="consent.recorded")
    assert [e.entry_id for e in by_person] == [newest.entry_id, oldest.entry_id]
    between = pb.ListEntriesRequest(app_id=APP, to=newest.occurred_at)
    getattr(between, "from").CopyFrom(middle.occurred_at)
    found = (await privacy.audit.ListEntries(between, timeout=20)).entries
    assert [e.entry_id for e in found] == [middle.entry_id]
    assert await _entries(privacy, actor="another") == []
    assert len(await _entries(privacy, actor="no token", action="consent.recorded")) == 3
    # Each question but those for further pages has left an entry too, with the person it was about.
    reads = await _entries(privacy, action="audit.read")
    assert [e.subject for e in reads] == ["", "", "", _pseudonym("ann"), ""]


async def test_pages_have_every_entry_once(privacy: Privacy) -> None:
    for number in range(5):
        await _withdraw(privacy, f"p{number}")
    found: list[str] = []
    token = ""
    while not found or token:
        response = await privacy.audit.ListEntries(
            pb.ListEntriesRequest(
                app_id=APP, action="consent.recorded", page_size=2, page_token=token
            ),
            timeout=20,
        )
        found += [entry.subject for entry in response.entries]
        token = response.next_page_token
    assert found == [_pseudonym(f"p{number}") for number in (4, 3, 2, 1, 0)]
    assert len(await _entries(privacy, action="audit.read")) == 3


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"action": "consent.forgotten"}, "action"),
        ({"subject_id": "a\nb"}, "subject_id"),
        ({"actor": "\x00"}, "actor"),
        ({"page_size": 1001}, "page_size"),
    ],
)
async def test_a_wrong_question_is_refused(
    privacy: Privacy, query: dict[str, Any], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await _entries(privacy, **query)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert field in str(error.value.trailing_metadata())


async def test_entries_are_chained_soon_and_the_head_is_published(privacy: Privacy) -> None:
    for person in ("ann", "bob"):
        await _withdraw(privacy, person)

    async def whole() -> bool:
        answer = await privacy.audit.VerifyChain(pb.VerifyChainRequest(app_id=APP), timeout=20)
        return bool(answer.verified == 2)

    await until(whole)
    answer = await privacy.audit.VerifyChain(pb.VerifyChainRequest(app_id=APP), timeout=20)
    assert (answer.problem, answer.unchained) == (pb.CHAIN_PROBLEM_UNSPECIFIED, 0)
    await until(lambda: privacy.published_head().startswith(answer.head))
    assert answer.head.startswith("2:")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE privacy.audit_entries SET subject = ''",
        "UPDATE privacy.audit_entries SET hash = '\\x00'",
        "DELETE FROM privacy.audit_entries",
        "TRUNCATE privacy.audit_entries",
    ],
)
async def test_the_database_refuses_changes_its_owners_as_well(
    privacy: Privacy, database_url: str, statement: str
) -> None:
    await _withdraw(privacy, "ann")
    with psycopg.connect(database_url, autocommit=True) as owner:

        def is_chained() -> bool:
            chained = "SELECT count(*) FROM privacy.audit_entries WHERE sequence = 1"
            return owner.execute(chained).fetchone() == (1,)

        await until(is_chained)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            owner.execute(statement)


async def test_a_read_that_another_service_answered_is_kept_once(privacy: Privacy) -> None:
    """By the stream, which may deliver an entry more than once; what is no entry is put into quarantine."""
    entry = Auditor(PSEUDONYMS, FixedClock.of_us()).entry(
        Action.EVENTS_LISTED, APP, Caller("a token", "req-2", TRACE), details={"of": "cell"}
    )
    with Redis.from_url(privacy.redis_url) as redis:
        redis.xadd(AUDIT_STREAM, {"entry": b"no entry"})
        for _ in range(2):
            redis.xadd(AUDIT_STREAM, {"entry": to_line(entry)})
        await until(lambda: not redis.xlen(AUDIT_STREAM))
        assert redis.xlen(quarantine_stream(PRIVACY, 0)) == 1
    [kept] = await _entries(privacy, action="events.listed")
    assert (kept.entry_id, kept.actor, kept.request_id, kept.trace_id) == (
        str(entry.entry_id),
        "a token",
        "req-2",
        TRACE,
    )
    assert json.loads(kept.details) == {"of": "cell"}
