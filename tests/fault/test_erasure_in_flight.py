"""Erasures that begin while the person's events are on their way: unread, or with a dead consumer."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest
from redis import Redis

from suite.supervisor import Suite
from tests.fault.conftest import APP
from tests.support.erasing import Erasing, new_person
from tests.support.stream_events import ids, mission
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
RAW, ENRICHED = "ingest:{0}:raw", "enrich:{0}:enriched"
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
