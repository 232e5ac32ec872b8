"""kill -9 of ingest in the middle of a replay of dead letters: each event is stored once, and the counts say
what became of each letter."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from weir.ingest.v1 import dead_letter_service_pb2 as pb
from weir.ingest.v1 import dead_letter_service_pb2_grpc
from weir.ingest.v1.ingest_service_pb2 import VERDICT_ACCEPTED

from services.ingest.replay.runner import PART_LETTERS
from suite.supervisor import Suite
from tests.support.erasing import new_person
from tests.support.ledger import Ledger, check, settle
from tests.support.stream_events import APP, ids, mission
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
PARTS = 5
# As if the catalog had been wrong about these events, and were right now.
LETTER = """
INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field, message, event_id,
    name, subject_id, event, content)
VALUES (%s, %s, %s, 'ingest', 'PROPERTIES_INVALID', 'properties.xp_awarded', '', %s, %s, %s, %s, 'whole')
"""
LEFT = "SELECT count(*) FROM ingest.dead_letters WHERE event_id = ANY(%s)"
STORED = "SELECT count(*) FROM enrich.events WHERE event_id = ANY(%s)"
# Another role's statement is not shown, but its locks are.
HELD = "SELECT FROM pg_locks WHERE relation = 'ingest.replays'::regclass AND NOT granted"


@pytest.fixture
def calls(fragile_suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(fragile_suite) as opened:
        yield opened


def _store_letters(calls: SuiteCalls, person: str, own: list[str]) -> None:
    """A letter for each id, in this order, received some milliseconds after each other."""
    first = datetime.now(UTC) - timedelta(minutes=1)
    with psycopg.connect(calls.suite.addresses.database_url) as connection:
        for place, event_id in enumerate(own):
            event = mission(event_id, subject_id=person)
            event.occurred_at.FromDatetime(first)
            received_at = first + timedelta(milliseconds=place)
            content = event.SerializeToString()
            values = [uuid4(), received_at, APP, event_id, event.name, person, content]
            connection.execute(LETTER, values)


def _replay(suite: Suite, request: pb.ReplayDeadLettersRequest) -> pb.DeadLetterReplay:
    """The replay, asked for now or before; over a connection of its own, because ingest has a new port."""
    with suite_calls(suite) as fresh:
        stub = dead_letter_service_pb2_grpc.DeadLetterServiceStub(fresh.channel("ingest"))
        answer = stub.ReplayDeadLetters(request, metadata=fresh.metadata, timeout=60)
        replay: pb.DeadLetterReplay = answer.replay
        return replay


def _is_done(suite: Suite, request: pb.ReplayDeadLettersRequest) -> bool:
    return _replay(suite, request).state == pb.REPLAY_STATE_DONE


def test_a_replay_goes_on_after_a_kill_behind_an_append(calls: SuiteCalls) -> None:
    suite, own, person = calls.suite, ids(PARTS * PART_LETTERS), new_person()
    calls.record_consent(APP, person, telemetry=True)
    _store_letters(calls, person, own)
    request = pb.ReplayDeadLettersRequest(
        app_id=APP, request_id=str(uuid4()), events_per_second=10_000
    )
    database_url = suite.addresses.database_url
    with psycopg.connect(database_url) as letter, psycopg.connect(database_url) as replays:
        # The third part waits for this letter, so that two are done.
        third = own[2 * PART_LETTERS + 50]
        letter.execute("SELECT FROM ingest.dead_letters WHERE event_id = %s FOR UPDATE", [third])
        _replay(suite, request)
        eventually(lambda: calls.query(LEFT, own) == [(3 * PART_LETTERS,)])
        # Then for this lock, against changes, when its events are in the stream.
        replays.execute("LOCK TABLE ingest.replays IN SHARE MODE")
        letter.rollback()
        eventually(lambda: calls.query(HELD))
        eventually(lambda: calls.query(STORED, own) == [(3 * PART_LETTERS,)])
        suite.kill("ingest")
    # What it had not committed is not done.
    assert calls.query(LEFT, own) == [(3 * PART_LETTERS,)]
    suite.restart("ingest")

    # It goes on by itself.
    eventually(lambda: calls.query(LEFT, own) == [(0,)])
    eventually(partial(_is_done, suite, request))
    [counts] = _replay(suite, request).reasons
    assert (counts.accepted, counts.duplicate) == (4 * PART_LETTERS, PART_LETTERS)
    assert counts == pb.ReplayedReason(
        reason="PROPERTIES_INVALID", accepted=counts.accepted, duplicate=counts.duplicate
    )
    ledger = Ledger(dict.fromkeys(own, VERDICT_ACCEPTED), set(own))
    settle(database_url, APP, ledger)
    check(database_url, APP, ledger)
