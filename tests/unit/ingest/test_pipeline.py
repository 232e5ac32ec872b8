"""A batch's way through ingest: verdicts, limits, shards, what reaches the stream."""

from typing import Any

import pytest
from google.rpc import code_pb2
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.common.errors import InvalidArgument, NotFound, ResourceExhausted
from libs.common.ids import event_uuid
from services.ingest.intake.convert import results
from services.ingest.intake.model import Verdict
from tests.support.clocks import NOW_US
from tests.support.events import event_of
from tests.support.ingest_pipeline import NO_TELEMETRY, Ingest
from weir_client import describe_status


async def test_a_batch_reaches_the_stream_as_it_was_sent() -> None:
    ingest = Ingest()
    first, second = event_of("a", subject_id="ann"), event_of("b", subject_id="bob")
    outcome = await ingest.take(first, second)
    assert outcome.verdicts == [Verdict.ACCEPTED, Verdict.ACCEPTED]
    [batch] = ingest.batches()
    [(shard, append)] = ingest.stream.appends
    assert shard == 0
    assert (batch.app_id, batch.received_at_us) == ("chess", NOW_US)
    assert batch.batch_id == append.batch_id
    assert append.event_uuids == event_uuid("a")[0] + event_uuid("b")[0]
    for event in (first, second):
        event.producer = event_pb2.PRODUCER_SERVER
        event.schema_version = "1.1.0"
        event.retention_days = 90
    assert list(batch.events) == [first, second]


async def test_one_bad_event_among_500() -> None:
    ingest = Ingest()
    events = [event_of(f"e{number}") for number in range(500)]
    events[321].properties_json = b'{"moves":"many"}'
    outcome = await ingest.take(*events)
    assert outcome.verdicts.count(Verdict.ACCEPTED) == 499
    assert list(outcome.rejections) == [321]
    rejection = outcome.rejections[321].rejection
    assert (rejection.reason, rejection.field) == ("PROPERTIES_INVALID", "properties.moves")
    assert [event.event_id for event in ingest.stored()] == [
        f"e{number}" for number in range(500) if number != 321
    ]
    [letter] = ingest.letters()
    assert letter.event.event_id == "e321"
    assert letter.event.properties_json == b'{"moves":"many"}'
    assert letter.dead_letter_id == outcome.rejections[321].dead_letter_id


async def test_a_producer_cannot_become_the_batchs_header() -> None:
    """Field 3 of EventBatch is the batch id, 4 the time of arrival, 1 the app."""
    honest = pb.TrackBatchRequest(app_id="chess", events=[event_of()]).SerializeToString()
    request = pb.TrackBatchRequest.FromString(honest + b"\x1a\x04evil" + b"\x20\x07")
    ingest = Ingest()
    await ingest.take_frame(request)
    honest = pb.EventFrame(sequence=1, events=[event_of("e2")]).SerializeToString()
    await ingest.take_frame(pb.EventFrame.FromString(honest + b"\x0a\x05other"))
    for batch, batch_id in zip(ingest.batches(), (1, 2), strict=True):
        assert (batch.app_id, batch.received_at_us) == ("chess", NOW_US)
        assert batch.batch_id == batch_id.to_bytes(16, "big")


async def test_all_subjects_of_a_batch_are_asked_about_in_one_read() -> None:
    ingest = Ingest()
    bad = event_of("c", subject_id="cid", name="?")
    await ingest.take(
        event_of("a", subject_id="ann"), bad, event_of("b"), event_of("d", subject_id="d")
    )
    assert ingest.answers.asked == [["ann", "d", "cid"]]


async def test_results_say_why_an_event_was_not_taken() -> None:
    ingest = Ingest()
    events = [event_of("a"), event_of("b", name="lesson.given", subject_id="bob"), event_of("a")]
    events[1].properties_json = b'{"minutes": 1}'
    outcome = await ingest.take(*events)
    dropped, duplicate = results(outcome, events)
    assert (dropped.index, describe_status(dropped.status).reason) == (1, "CONSENT_DENIED")
    assert dropped.status.code == code_pb2.FAILED_PRECONDITION
    assert not duplicate.HasField("status")
    ingest.stream.full_shards = {0}
    [again] = results(await ingest.take(event := event_of("c")), [event])
    assert (again.verdict, again.status.code) == (pb.VERDICT_RETRY, code_pb2.UNAVAILABLE)
    assert describe_status(again.status).reason == "BACKLOG_FULL"


async def test_a_malformed_event_that_is_dropped_says_only_that_it_is_dropped() -> None:
    ingest = Ingest()
    lesson = event_of(name="lesson.given", subject_id="bob", properties_json=b'{"minutes":"x"}')
    [dropped] = results(await ingest.take(lesson), [lesson])
    assert (dropped.verdict, dropped.dead_letter_id) == (pb.VERDICT_DROPPED, "")
    assert describe_status(dropped.status).reason == "CONSENT_DENIED"


async def test_results_of_what_was_taken_or_sampled_give_no_reason() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    touched = [event_of(f"t{n}", name="piece.touched", properties_json=b"{}") for n in range(40)]
    events = [event_of("a", subject_id="ann"), event_of("b"), event_of("b"), *touched]
    found = results(await ingest.take(*events), events)
    assert {result.verdict for result in found} == {
        pb.VERDICT_ANONYMIZED,
        pb.VERDICT_DUPLICATE,
        pb.VERDICT_SAMPLED,
    }
    assert not any(result.HasField("status") for result in found)


async def test_of_two_with_one_id_in_a_batch_the_first_counts() -> None:
    ingest = Ingest()
    outcome = await ingest.take(event_of("a"), event_of("b"), event_of("a"))
    assert outcome.verdicts == [Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.DUPLICATE]
    assert [event.event_id for event in ingest.stored()] == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "conflicts"),
    [
        ({}, 0),
        ({"properties_json": b'{"moves":4}'}, 1),
        ({"name": "login.failed"}, 1),
        # Not the payload: a resend may say something else about its circumstances.
        ({"group_id": "club-1"}, 0),
    ],
)
async def test_another_payload_under_an_id_of_the_same_batch_is_a_conflict(
    fields: dict[str, Any], conflicts: int
) -> None:
    ingest = Ingest(shards=4)
    outcome = await ingest.take(
        event_of("a"), event_of("b"), event_of("a", **fields), event_of("a")
    )
    assert outcome.verdicts[2:] == [Verdict.DUPLICATE] * 2
    assert outcome.conflicts == conflicts
    assert [event.properties_json for event in ingest.stored()] == [b'{"moves":3}'] * 2


async def test_what_the_stream_has_seen_is_a_duplicate() -> None:
    ingest = Ingest()
    await ingest.take(event_of("c", properties_json=b'{"moves":4}'))
    outcome = await ingest.take(event_of("a", name="?"), event_of("b"), event_of("c"))
    assert outcome.verdicts == [Verdict.REJECTED, Verdict.ACCEPTED, Verdict.DUPLICATE]
    assert outcome.conflicts == 1


async def test_a_full_backlog_gives_everything_back() -> None:
    ingest = Ingest(retry_after_seconds=0.25)
    ingest.stream.full_shards = {0}
    outcome = await ingest.take(event_of("a"), event_of("b", name="?"), event_of("a"))
    assert outcome.verdicts == [Verdict.RETRY] * 3
    assert outcome.retry_after_seconds == 0.25
    assert outcome.rejections == {}


async def test_every_verdict_once_and_nothing_missing() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    touched = [event_of(f"t{n}", name="piece.touched", properties_json=b"{}") for n in range(40)]
    outcome = await ingest.take(
        event_of("a"),
        event_of("b", subject_id="ann"),
        event_of("a"),
        event_of("d", name="?"),
        event_of("e", name="lesson.given", subject_id="bob", properties_json=b"{}"),
        *touched,
    )
    assert outcome.verdicts[:5] == [1, 2, 3, 4, 5]
    kept = len(ingest.stored()) - 2
    assert outcome.verdicts[5:].count(Verdict.SAMPLED) == 40 - kept
    assert 0 < kept < 40


async def test_a_batch_has_at_most_1000_events() -> None:
    with pytest.raises(ResourceExhausted, match="at most 1000 events") as rejection:
        await Ingest().take(*[event_of(f"e{n}") for n in range(1001)])
    assert rejection.value.metadata == {"limit": "max_events", "value": "1000"}


async def test_a_batch_has_at_least_one_event() -> None:
    with pytest.raises(InvalidArgument, match="at least one event") as rejection:
        await Ingest().take()
    assert rejection.value.field == "events"


async def test_a_batch_that_is_too_large_is_refused_before_consent_is_read() -> None:
    ingest = Ingest(shards=4, max_frame_bytes=2_000)
    events = [event_of(f"e{n}", subject_id=f"s{n}") for n in range(20)]
    events[19].context.page_url = "x" * 2_000
    with pytest.raises(ResourceExhausted, match="2000 bytes"):
        await ingest.take(*events)
    assert ingest.answers.asked == ingest.stream.appends == []


async def test_a_rejected_event_does_not_make_its_batch_too_large() -> None:
    ingest = Ingest(max_frame_bytes=2_000)
    unknown = event_of("a", name="?", properties_json=b'{"pad":"' + b"x" * 2_000 + b'"}')
    outcome = await ingest.take(unknown, event_of("b"))
    assert outcome.verdicts == [Verdict.REJECTED, Verdict.ACCEPTED]


async def test_an_unknown_app_is_not_found() -> None:
    with pytest.raises(NotFound) as rejection:
        await Ingest().take(event_of(), app_id="go")
    assert rejection.value.reason == "APP_UNKNOWN"


async def test_a_persons_events_go_to_one_shard_and_full_shards_hurt_only_theirs() -> None:
    ingest = Ingest(shards=4)
    ingest.stream.full_shards = {2}
    events = [event_of(f"e{n}", subject_id=f"s{n % 10}") for n in range(100)]
    outcome = await ingest.take(*events, event_of("bad", name="?"))
    places: dict[str, set[int]] = {}
    for shard, append in ingest.stream.appends:
        for event in append.events:
            places.setdefault(event.subject_id, set()).add(shard)
    assert all(len(shards) == 1 for shards in places.values())
    retried = {f"s{n % 10}" for n in range(100) if outcome.verdicts[n] is Verdict.RETRY}
    assert set(places) | retried == {f"s{n}" for n in range(10)}
    assert not set(places) & retried
    assert len(ingest.stored()) + outcome.verdicts[:100].count(Verdict.RETRY) == 100
