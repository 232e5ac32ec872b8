"""Erasures that begin while events of the person, or about the person, are on their way: unread, with a dead
consumer, or taken again from a dead letter."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from redis import Redis
from weir.ingest.v1 import dead_letter_service_pb2
from weir.streams.v1 import batch_pb2

from libs.common.ids import new_uuid7
from services.enrich.erasure.fences import FENCE_LOCK as STORING_LOCK
from services.ingest.erasure.fences import FENCE_LOCK as LETTERS_LOCK
from suite.supervisor import Suite
from tests.fault.conftest import APP
from tests.support.erasing import Erasing, counts, new_person
from tests.support.kept_letters import replay, store_letters
from tests.support.stream_events import ids, mission
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
RAW, ENRICHED = "ingest:{0}:raw", "enrich:{0}:enriched"
LETTERS = "enrich:{0}:dead_letters"
# More often than another consumer takes over what lies idle.
HOLD_SECONDS = 0.1
# How long a read waits for entries.
READ_SECONDS = 0.25
# The withdrawal, and a fence in each of three services.
ALL_FENCES = 4


@pytest.fixture
def redis(fragile_suite: Suite) -> Iterator[Redis]:
    with Redis.from_url(fragile_suite.addresses.redis_url) as opened:
        yield opened


def test_events_that_are_unread_in_the_stream(fragile_suite: Suite, redis: Redis) -> None:
    person, other, own, others = new_person(), new_person(), ids(20), ids(5)
    with suite_calls(fragile_suite) as calls:
        erasing = Erasing(calls, APP)
        _agree(calls, person, other)
        os.kill(fragile_suite.pid("enrich"), signal.SIGSTOP)
        try:
            # A read that was waiting when enrich stopped is over by then.
            time.sleep(4 * READ_SECONDS)
            _track(calls, {person: own, other: others})
            request_id = erasing.create(person).request_id
            # Withdrawn, and behind ingest's fence: enrich cannot answer, and has read nothing.
            eventually(lambda: _steps_done(calls, request_id) >= 2)
            assert _unread(redis)
        finally:
            os.kill(fragile_suite.pid("enrich"), signal.SIGCONT)
        _check(calls, erasing, request_id, own, others)


@pytest.mark.parametrize(("service", "stream"), [("enrich", RAW), ("aggregate", ENRICHED)])
def test_events_that_a_dead_consumer_has(
    fragile_suite: Suite, redis: Redis, service: str, stream: str
) -> None:
    person, other, own, others = new_person(), new_person(), ids(20), ids(5)
    with suite_calls(fragile_suite) as calls:
        erasing = Erasing(calls, APP)
        _agree(calls, person, other)
        fragile_suite.kill(service)
        _track(calls, {person: own, other: others})
        if service == "aggregate":
            calls.stored("event_id", [*own, *others])
        with _dead_consumer(redis, stream, service) as held:
            fragile_suite.restart(service)
            request_id = erasing.create(person).request_id
            eventually(lambda: _steps_done(calls, request_id) >= ALL_FENCES)
            pending = cast(Any, redis.xpending_range(stream, service, "-", "+", 100, "dead"))
            assert [entry["message_id"] for entry in pending] == list(held)
            assert calls.query(*_IS_OPEN, request_id) == [(True,)]
        _check(calls, erasing, request_id, own, others)


def test_a_letter_that_enrich_writes_late(fragile_suite: Suite, redis: Redis) -> None:
    """The event is another person's and names the erased one. Enrich comes to it behind all fences, and
    ingest is slow to store the letter."""
    person, [rejected] = new_person(), ids(1)
    event = mission(rejected, subject_id=new_person(), group_id=person)
    # Of a later release: enrich cannot handle it.
    event.producer = cast(Any, 99)
    batch = batch_pb2.EventBatch(
        app_id=APP,
        batch_id=new_uuid7(),
        received_at_us=time.time_ns() // 1_000,
        events=[event],
    )
    with (
        suite_calls(fragile_suite) as calls,
        psycopg.connect(fragile_suite.addresses.database_url) as slow,
    ):
        erasing = Erasing(calls, APP)
        fragile_suite.kill("enrich")
        redis.xadd(RAW, {"batch": batch.SerializeToString()})
        with _dead_consumer(redis, RAW, "enrich"):
            fragile_suite.restart("enrich")
            request_id = erasing.create(person).request_id
            eventually(lambda: _steps_done(calls, request_id) > ALL_FENCES)
            slow.execute(f"SELECT pg_advisory_xact_lock({LETTERS_LOCK})".encode())
        eventually(lambda: _waits_or_has_erased(calls, request_id, "ingest"))
        assert redis.xlen(LETTERS) == 1
        slow.rollback()
        done = erasing.done(request_id)
        eventually(lambda: redis.xlen(LETTERS) == 0)
        letters = "SELECT FROM ingest.dead_letters WHERE event_id = %s"
        assert calls.query(letters, rejected) == []
        assert counts(done)["ingest.dead_letters"] == (1, 0, 0)


def test_a_letter_that_is_replayed_while_its_category_is_erased(fragile_suite: Suite) -> None:
    """The replay takes the letter before ingest erases it, and enrich is slow to store the event."""
    person, [own] = new_person(), ids(1)
    url = fragile_suite.addresses.database_url
    with (
        suite_calls(fragile_suite) as calls,
        psycopg.connect(url) as letter,
        psycopg.connect(url) as slow,
    ):
        erasing = Erasing(calls, APP)
        _agree(calls, person)
        store_letters(calls, person, [own])
        letter.execute("SELECT FROM ingest.dead_letters WHERE event_id = %s FOR UPDATE", [own])
        asked = dead_letter_service_pb2.ReplayDeadLettersRequest(
            app_id=APP, request_id=str(uuid4()), events_per_second=100
        )
        replay(fragile_suite, asked)
        eventually(lambda: _waiting(calls) == 1)
        request_id = erasing.create(person, categories=["business"]).request_id
        # Behind the replay.
        eventually(lambda: _waiting(calls) == 2)
        slow.execute(f"SELECT pg_advisory_xact_lock({STORING_LOCK})".encode())
        letter.rollback()
        eventually(lambda: _waits_or_has_erased(calls, request_id, "enrich"))
        slow.rollback()
        done = erasing.done(request_id)
        taken = dead_letter_service_pb2.ReplayedReason(reason="PROPERTIES_INVALID", accepted=1)
        assert list(replay(fragile_suite, asked).reasons) == [taken]
        assert counts(done)["ingest.dead_letters"] == (0, 0, 0)
        assert counts(done)["enrich.events"] == (1, 0, 0)
        assert calls.query("SELECT FROM enrich.events WHERE event_id = %s", own) == []
        assert erasing.differences() == []


def _waits_or_has_erased(calls: SuiteCalls, request_id: str, service: str) -> bool:
    """Whether an erasure waits for a service that is to erase next, or did not wait and has had it erase."""
    query = (
        "SELECT FROM privacy.subject_requests, jsonb_array_elements(steps) AS step"
        " WHERE request_id = %s AND step ->> 'service' = %s"
        " AND (step ->> 'name', step ->> 'state') IN (('wait for writers', 'running'), ('erase', 'done'))"
    )
    return bool(calls.query(query, request_id, service))


def _waiting(calls: SuiteCalls) -> int:
    """How many transactions wait for a row that another one has changed or locked."""
    query = (
        "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype IN ('transactionid', 'tuple')"
        " AND NOT granted"
    )
    [(waiting,)] = calls.query(query)
    return int(waiting)


_IS_OPEN = ("SELECT state = 'running' FROM privacy.subject_requests WHERE request_id = %s",)


@contextmanager
def _dead_consumer(redis: Redis, stream: str, group: str) -> Iterator[Sequence[bytes]]:
    """Reads all that is new in a stream, and acknowledges nothing. Within, it counts as read just now, so
    that no other consumer takes it over; behind, it has died."""
    read = cast(Any, redis.xreadgroup(group, "dead", {stream: ">"}, count=100))
    held = [entry_id for _, entries in read for entry_id, _ in entries]
    assert held
    died = threading.Event()

    def hold() -> None:
        while not died.wait(HOLD_SECONDS):
            redis.xclaim(stream, group, "dead", 0, held, justid=True)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield held
    finally:
        died.set()
        thread.join()


def _check(
    calls: SuiteCalls,
    erasing: Erasing,
    request_id: str,
    own: Sequence[str],
    others: Sequence[str],
) -> None:
    """Nothing of the person is stored or counted, and all of the other person is."""
    done = erasing.done(request_id)
    assert len(calls.stored("event_id", others)) == len(others)
    assert calls.query("SELECT FROM enrich.events WHERE event_id = ANY(%s)", list(own)) == []
    assert erasing.differences() == []
    members = "SELECT count(*) FROM aggregate.members WHERE member = %s"
    assert calls.query(members, done.subject) == [(0,)]


def _agree(calls: SuiteCalls, *people: str) -> None:
    for person in people:
        calls.record_consent(APP, person, telemetry=True)


def _track(calls: SuiteCalls, events: dict[str, list[str]]) -> None:
    calls.track(
        APP, *(mission(each, subject_id=who) for who, found in events.items() for each in found)
    )


def _steps_done(calls: SuiteCalls, request_id: str) -> int:
    query = (
        "SELECT (SELECT count(*) FROM jsonb_array_elements(steps) AS step"
        " WHERE step ->> 'state' = 'done') FROM privacy.subject_requests WHERE request_id = %s"
    )
    [(done,)] = calls.query(query, request_id)
    return int(done)


def _unread(redis: Redis) -> bool:
    """Whether there are entries that enrich's group has not read."""
    [group] = [each for each in cast(Any, redis.xinfo_groups(RAW)) if each["name"] == b"enrich"]
    return bool(redis.xrange(RAW, min=b"(" + group["last-delivered-id"]))
