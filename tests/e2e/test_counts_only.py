"""Counts-only events are kept as a count for each day, community, pseudonym and type, and nothing says when
within the day they happened or were received."""

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from redis import Redis
from weir.aggregate.v1 import aggregate_service_pb2 as aggregate_pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from suite.supervisor import Suite
from tests.support.erasing import Erasing, new_person
from tests.support.pseudonyms import keyed_event_id, pseudonymizer_of
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import PATIENCE_SECONDS, eventually
from weir_client import build_event
from weir_client.ids import uuid7

pytestmark = pytest.mark.xdist_group("suite")
APP = "unofficial_communities"
MESSAGE, REACTION = "whatsapp.message.sent", "whatsapp.reaction.added"
# A day that is over, at moments that nothing else has.
DAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
MOMENTS = [DAY + timedelta(hours=h, minutes=17, microseconds=123_457) for h in (0, 9, 14, 23)]


@pytest.fixture(scope="module")
def calls(suite: Suite) -> Iterator[SuiteCalls]:
    with suite_calls(suite) as opened:
        yield opened


def _event(name: str, person: str, moment: datetime, community: int, **fields: Any) -> Any:
    return build_event(
        name,
        # As a sender makes them, with the time inside.
        event_id=uuid7(int(moment.timestamp() * 1e9), uuid.uuid4().int % 2**62),
        subject_id=person,
        occurred_at=moment,
        producer=event_pb2.PRODUCER_WEBHOOKS,
        session_id=f"s-{person}",
        properties={"community_id": community, "timestamp_bucket": f"{moment:%Y-%m-%d}", **fields},
    )


def _person(calls: SuiteCalls) -> str:
    person = new_person("counted")
    calls.record_consent(APP, person, whatsapp_activity=True, telemetry=True)
    return person


def _cells(calls: SuiteCalls, community: int) -> dict[tuple[str, str, str], float]:
    """What QueryRollup answers: counts by day, pseudonym and type."""
    request = aggregate_pb.QueryRollupRequest(app_id=APP, rollup="whatsapp_daily")
    getattr(request, "from").FromDatetime(DAY - timedelta(days=1))
    request.to.FromDatetime(DAY + timedelta(days=1))
    stub = aggregate_service_pb2_grpc.AggregateServiceStub(calls.channel("aggregate"))
    answer = stub.QueryRollup(request, metadata=calls.metadata, timeout=PATIENCE_SECONDS)
    found = {}
    for cell in answer.cells:
        names = MessageToDict(cell.dimensions)
        day = cell.bucket_start.ToDatetime(UTC)
        assert day == day.replace(hour=0, minute=0, second=0, microsecond=0)
        if names["community_id"] == str(community):
            found[f"{day:%Y-%m-%d}", names["person"], names["name"]] = cell.metrics["count"]
    return found


def test_a_count_by_day_community_pseudonym_and_type_and_no_time(calls: SuiteCalls) -> None:
    ann, bob = _person(calls), _person(calls)
    community = uuid.uuid4().int % 10**9
    events = [
        *(_event(MESSAGE, ann, moment, community) for moment in MOMENTS),
        _event(REACTION, ann, MOMENTS[1], community),
        _event(MESSAGE, bob, MOMENTS[2], community),
        # Late, of the day before.
        _event(MESSAGE, bob, MOMENTS[2] - timedelta(days=1), community),
    ]
    started = time.time()
    assert calls.track(APP, *events).counts == pb.VerdictCounts(accepted=7)
    # A resend is a duplicate, one by one or all together, with what is new among it.
    more = _event(REACTION, bob, MOMENTS[3], community)
    counts = calls.track(APP, *events, more).counts
    assert counts == pb.VerdictCounts(accepted=1, duplicate=7)

    pseudonymizer = pseudonymizer_of(calls.suite.home)
    who = {person: pseudonymizer.pseudonym(APP, person) for person in (ann, bob)}
    day, before = f"{DAY:%Y-%m-%d}", f"{DAY - timedelta(days=1):%Y-%m-%d}"
    expected = {
        (day, who[ann], MESSAGE): 4,
        (day, who[ann], REACTION): 1,
        (day, who[bob], MESSAGE): 1,
        (day, who[bob], REACTION): 1,
        (before, who[bob], MESSAGE): 1,
    }
    eventually(lambda: _cells(calls, community) == expected)
    assert Erasing(calls, APP).differences() == []

    ids = [keyed_event_id(pseudonymizer, APP, each.event_id) for each in (*events, more)]
    rows = calls.query(
        "SELECT to_jsonb(events) FROM enrich.events WHERE group_id = %s", str(community)
    )
    assert sorted(row["event_uuid"] for (row,) in rows) == sorted(ids)
    received = f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d}T00:00:00"
    for (row,) in rows:
        # All that a row has; what else may lead to a time is not there.
        assert {name for name, value in row.items() if value is not None} == {
            *("event_uuid", "occurred_at", "received_at", "app_id", "retention_class", "name"),
            *("schema_version", "producer", "environment", "subject_id", "group_id", "person"),
            *("properties", "ip_anonymized"),
        }
        assert row["occurred_at"][:19] in (f"{day}T00:00:00", f"{before}T00:00:00")
        assert row["received_at"][:19] == received
        assert row["properties"].keys() == {"community_id", "timestamp_bucket"}

    # What Redis remembers of the ids says the last moment of the day, and leads to no batch.
    windows = started // 86_400
    with Redis.from_url(calls.suite.addresses.redis_url) as redis:
        known = redis.hgetall(f"ingest:{{0}}:seen:{APP}:{int(windows)}")
    of_ids = [known[uuid.UUID(each).bytes] for each in ids]
    last_ms = int((windows + 1) * 86_400_000) - 1
    assert {int.from_bytes(value[:6], "big") for value in of_ids} == {last_ms}
    batches = {batch.bytes for (batch,) in calls.query("SELECT batch_id FROM enrich.batches")}
    assert not batches & {value[:16] for value in of_ids}

    # An erasure finds the person's, and no one else's.
    Erasing(calls, APP).erase(ann)
    left = {key: value for key, value in expected.items() if key[1] == who[bob]}
    eventually(lambda: _cells(calls, community) == left)
    assert Erasing(calls, APP).differences() == []
    statement = "SELECT DISTINCT subject_id FROM enrich.events WHERE group_id = %s"
    assert calls.query(statement, str(community)) == [(bob,)]


def test_a_dead_letter_says_the_day(calls: SuiteCalls) -> None:
    person = _person(calls)
    event = _event(MESSAGE, person, MOMENTS[2], 1, text="not taken")
    [result] = calls.track(APP, event).results
    assert (result.verdict, result.event_id) == (pb.VERDICT_REJECTED, event.event_id)
    statement = (
        "SELECT event_id, received_at, event FROM ingest.dead_letters WHERE dead_letter_id = %s"
    )
    eventually(lambda: calls.query(statement, result.dead_letter_id))
    [(event_id, received_at, kept)] = calls.query(statement, result.dead_letter_id)
    assert event_id == keyed_event_id(pseudonymizer_of(calls.suite.home), APP, event.event_id)
    assert received_at.astimezone(UTC).time() == datetime.min.time()
    assert event_pb2.Event.FromString(kept).occurred_at.ToDatetime(UTC) == DAY
