"""Restrictions on real stores: the order of writes, a Redis that lost them, and who cannot be restricted."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import psycopg
import pytest
from redis import Redis
from weir.privacy.v1 import audit_service_pb2, privacy_service_pb2, subject_request_service_pb2_grpc
from weir.privacy.v1 import subject_request_service_pb2 as pb

from tests.integration.privacy.conftest import APP, Privacy
from tests.integration.privacy.test_order_of_writes import commits_held
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.rejections import reason_of
from tests.support.waiting import until


@pytest.fixture
async def requests(privacy: Privacy) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(privacy.address) as channel:
        yield subject_request_service_pb2_grpc.SubjectRequestServiceStub(channel)


def restriction(subject_id: str = "ann", **fields: Any) -> pb.RestrictProcessingRequest:
    return pb.RestrictProcessingRequest(
        **{"app_id": APP, "subject_id": subject_id, "reason": "contested", **fields}
    )


def lifting() -> pb.LiftRestrictionRequest:
    return pb.LiftRestrictionRequest(app_id=APP, subject_id="ann", reason="settled")


async def test_it_is_in_force_before_its_commit_and_ends_after_that_of_its_end(
    privacy: Privacy, requests: Any, database_url: str
) -> None:
    await privacy.record("ann", telemetry=True)
    with commits_held(database_url):
        call = asyncio.ensure_future(requests.RestrictProcessing(restriction(), timeout=20))
        await until(lambda: privacy.mirrored("ann") == "* +telemetry")
        assert await privacy.check("ann") == "drop"
        assert not call.done()
    token = (await call).token
    assert await privacy.check("ann", token) == "drop"
    with commits_held(database_url):
        call = asyncio.ensure_future(requests.LiftRestriction(lifting(), timeout=20))
        await asyncio.sleep(0.3)
        assert not call.done()
        assert await privacy.check("ann") == "drop"
    assert await privacy.check("ann", (await call).token) == "allow"
    assert [
        (entry.restricted, entry.HasField("restricted"), entry.purpose, entry.method)
        for entry in await privacy.history("ann")
    ] == [
        (False, False, "telemetry", "test"),
        (True, True, "", "contested"),
        (False, True, "", "settled"),
    ]


async def test_one_that_is_not_committed_ends_when_what_is_recorded_is_read_again(
    privacy: Privacy, requests: Any, database_url: str
) -> None:
    await privacy.record("ann", telemetry=True)
    with commits_held(database_url):
        call = asyncio.ensure_future(requests.RestrictProcessing(restriction(), timeout=20))
        await until(lambda: privacy.mirrored("ann") == "* +telemetry")
        call.cancel()
        await asyncio.wait([call])
    await until(lambda: privacy.mirrored("ann") == "+telemetry")
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT purpose FROM privacy.consents").fetchall()
    assert found == [("telemetry",)]


async def test_an_emptied_redis_does_not_lift_it(
    privacy: Privacy, requests: Any, redis_url: str
) -> None:
    await requests.RestrictProcessing(restriction(), timeout=20)
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    # From Postgres first, then from the mirror.
    assert await privacy.check("ann") == "drop"
    await privacy.until_whole()
    assert privacy.mirrored("ann") == "*"
    assert await privacy.check("ann") == "drop"
    answer = await privacy.stub.CheckConsent(
        privacy_service_pb2.CheckConsentRequest(app_id=APP, subject_id="ann", purpose="telemetry"),
        timeout=20,
    )
    assert answer.reason == privacy_service_pb2.DECISION_REASON_RESTRICTED
    assert not answer.recorded


async def test_services_are_given_all_pseudonyms_of_those_who_are_restricted_now(
    requests: Any,
) -> None:
    async def restricted() -> set[bytes]:
        asked = pb.ListRestrictedPeopleRequest(app_id=APP)
        return set((await requests.ListRestrictedPeople(asked, timeout=20)).persons)

    def of(subject_id: str) -> set[bytes]:
        return {bytes.fromhex(each) for each in PSEUDONYMS.all_epochs(APP, subject_id)}

    assert await restricted() == set()
    for subject_id in ("ann", "bob"):
        await requests.RestrictProcessing(restriction(subject_id), timeout=20)
    assert await restricted() == of("ann") | of("bob")
    await requests.LiftRestriction(lifting(), timeout=20)
    assert await restricted() == of("bob")


async def test_whose_data_are_restricted_is_said_page_by_page(requests: Any) -> None:
    people = [f"player {number}" for number in range(5)]
    for subject_id in (*people, "after all"):
        await requests.RestrictProcessing(restriction(subject_id), timeout=20)
    asked = pb.ListRestrictedPeopleRequest(app_id=APP, page_size=2)
    pages = [await requests.ListRestrictedPeople(asked, timeout=20)]
    # On a page that was read, and on one that was not.
    for subject_id in ("ann", "zoe"):
        await requests.RestrictProcessing(restriction(subject_id), timeout=20)
    while token := pages[-1].next_page_token:
        asked.page_token = token
        pages.append(await requests.ListRestrictedPeople(asked, timeout=20))
    assert [list(page.subject_ids) for page in pages] == [
        ["after all", *people[:1]],
        people[1:3],
        people[3:],
        ["zoe"],
    ]
    assert [list(page.persons) for page in pages] == [
        [
            bytes.fromhex(person)
            for subject_id in page.subject_ids
            for person in PSEUDONYMS.all_epochs(APP, subject_id)
        ]
        for page in pages
    ]
    for wrong in ({"page_token": "x"}, {"page_size": 1_001}):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await requests.ListRestrictedPeople(
                pb.ListRestrictedPeopleRequest(app_id=APP, **wrong), timeout=20
            )
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_services_that_say_no_size_get_all_and_people_get_pages_on_record(
    privacy: Privacy, requests: Any, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO privacy.consents"
            " (app_id, subject_id, purpose, granted, version, recorded_at, status) SELECT"
            " %s, 'p' || lpad(n::text, 3, '0'), '*', false, n, now(), 'restricted'"
            " FROM generate_series(1, 101) n",
            (APP,),
        )
    people = [f"p{number:03}" for number in range(1, 102)]
    of_services = pb.ListRestrictedPeopleRequest(app_id=APP)
    found = await requests.ListRestrictedPeople(of_services, timeout=20)
    assert (found.subject_ids, found.next_page_token) == (people, "")

    async def reads() -> int:
        entries = await privacy.audit.ListEntries(
            audit_service_pb2.ListEntriesRequest(
                app_id=APP, action="subject.restrictions_read", page_size=10
            ),
            timeout=20,
        )
        return len(entries.entries)

    assert await reads() == 0
    asked = pb.ListRestrictionsRequest(app_id=APP)
    first = await requests.ListRestrictions(asked, timeout=20)
    asked.page_token = first.next_page_token
    second = await requests.ListRestrictions(asked, timeout=20)
    assert (first.subject_ids, second.subject_ids) == (people[:100], people[100:])
    assert second.next_page_token == ""
    assert await reads() == 2
    # A token of one call is none of the other's.
    of_services.page_token = first.next_page_token
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await requests.ListRestrictedPeople(of_services, timeout=20)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"app_id": "unknown"}, ("NOT_FOUND", "APP_UNKNOWN", "")),
        ({"subject_id": ""}, ("INVALID_ARGUMENT", "FIELD_INVALID", "subject_id")),
        ({"reason": ""}, ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "reason")),
        ({"reason": "x" * 129}, ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "reason")),
    ],
)
async def test_what_is_wrong_with_a_request_is_said(
    requests: Any, fields: dict[str, str], expected: tuple[str, str, str]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await requests.RestrictProcessing(restriction(**fields), timeout=20)
    assert reason_of(error.value) == expected
