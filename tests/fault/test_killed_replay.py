"""kill -9 of ingest in the middle of a replay of dead letters: each event is stored once, and the counts say
what became of each letter."""

from collections.abc import Iterator
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from weir.ingest.v1 import dead_letter_service_pb2 as pb
from weir.ingest.v1.ingest_service_pb2 import VERDICT_ACCEPTED

from services.ingest.replay.runner import PART_LETTERS
from suite.supervisor import Suite
from tests.support.erasing import new_person
from tests.support.kept_letters import replay, store_letters
from tests.support.ledger import Ledger, check, settle
from tests.support.stream_events import APP, ids
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
PARTS = 5
LEFT = "SELECT count(*) FROM ingest.dead_letters WHERE event_id = ANY(%s)"
STORED = "SELECT count(*) FROM enrich.events WHERE event_id = ANY(%s)"
# Another role's statement is not shown, but its locks are.
HELD = "SELECT FROM pg_locks WHERE relation = 'ingest.replays'::regclass AND NOT granted"


@pytest.fixture
def calls(fragile_suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(fragile_suite) as opened:
        yield opened


def _is_done(suite: Suite, request: pb.ReplayDeadLettersRequest) -> bool:
    return replay(suite, request).state == pb.REPLAY_STATE_DONE


def test_a_replay_goes_on_after_a_kill_behind_an_append(calls: SuiteCalls) -> None:
    suite, own, person = calls.suite, ids(PARTS * PART_LETTERS), new_person()
    calls.record_consent(APP, person, telemetry=True)
    store_letters(calls, person, own)
    request = pb.ReplayDeadLettersRequest(
        app_id=APP, request_id=str(uuid4()), events_per_second=10_000
    )
    database_url = suite.addresses.database_url
    with psycopg.connect(database_url) as letter, psycopg.connect(database_url) as replays:
        # The third part waits for this letter, so that two are done.
        third = own[2 * PART_LETTERS + 50]
        letter.execute("SELECT FROM ingest.dead_letters WHERE event_id = %s FOR UPDATE", [third])
        replay(suite, request)
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
    [counts] = replay(suite, request).reasons
    assert (counts.accepted, counts.duplicate) == (4 * PART_LETTERS, PART_LETTERS)
    assert counts == pb.ReplayedReason(
        reason="PROPERTIES_INVALID", accepted=counts.accepted, duplicate=counts.duplicate
    )
    ledger = Ledger(dict.fromkeys(own, VERDICT_ACCEPTED), set(own))
    settle(database_url, APP, ledger)
    check(database_url, APP, ledger)
