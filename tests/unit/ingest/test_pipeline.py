"""A batch's way through ingest: verdicts, what consent changes, what reaches the stream."""

from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.pipeline.v1 import batch_pb2

from libs.client.errors import describe_status
from libs.common.errors import InvalidArgument, NotFound, ResourceExhausted
from libs.common.ids import event_uuid
from libs.common.pseudonym import Pseudonymizer
from libs.consent import encode_state
from services.ingest.anonymization import Anonymizer
from services.ingest.consent_gate import ConsentGate
from services.ingest.convert import ProtoCodec, results
from services.ingest.model import Appended, Outcome, Verdict
from services.ingest.pipeline import IngestPipeline
from services.ingest.settings import IngestSettings
from tests.unit.ingest.fakes import NOW_US, Answers, FixedClock, Recorder, chess

PSEUDONYMS = Pseudonymizer(b"0123456789abcdef")
ANN = PSEUDONYMS.pseudonym("chess", "ann")
NO_TELEMETRY = encode_state(1, {"telemetry": False})
COACHING = encode_state(1, {"coaching": True})


class Ingest:
    """A pipeline on stand-ins."""

    def __init__(self, states: dict[str, bytes] | None = None, **settings: Any) -> None:
        self.answers, self.stream = Answers(states), Recorder()
        self._pipeline = IngestPipeline(
            {"chess": chess()},
            ConsentGate(self.answers, Anonymizer(PSEUDONYMS)),
            self.stream,
            ProtoCodec(),
            FixedClock(),
            IngestSettings(**settings),
        )

    async def take(self, *events: event_pb2.Event, app_id: str = "chess") -> Outcome:
        frame = pb.EventFrame(sequence=9, traceparent="x", events=events)
        return await self._pipeline.take(app_id, frame)

    def batches(self) -> list[batch_pb2.EventBatch]:
        return [
            batch_pb2.EventBatch.FromString(append.payload)
            for _, append in self.stream.appends
            if append.payload
        ]

    def stored(self) -> list[event_pb2.Event]:
        return [event for batch in self.batches() for event in batch.events]

    def letters(self) -> list[batch_pb2.DeadLetter]:
        return [
            letter
            for _, append in self.stream.appends
            for letter in batch_pb2.DeadLetterBatch.FromString(append.dead_letters).dead_letters
        ]


def _event(event_id: str = "e1", **fields: Any) -> event_pb2.Event:
    event = event_pb2.Event(
        **{"event_id": event_id, "name": "game.ended", "properties_json": b'{"moves":3}', **fields}
    )
    event.occurred_at.FromMicroseconds(NOW_US)
    return event


def _properties(event: event_pb2.Event) -> Any:
    return orjson.loads(event.properties_json)


async def test_a_batch_reaches_the_stream_as_it_was_sent() -> None:
    ingest = Ingest()
    first, second = _event("a", subject_id="ann"), _event("b", subject_id="bob")
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
    events = [_event(f"e{number}") for number in range(500)]
    events[321].properties_json = b'{"moves":"many"}'
    outcome = await ingest.take(*events)
    assert outcome.verdicts.count(Verdict.ACCEPTED) == 499
    assert list(outcome.refusals) == [321]
    refusal = outcome.refusals[321].refusal
    assert (refusal.reason, refusal.field) == ("PROPERTIES_INVALID", "properties.moves")
    assert [event.event_id for event in ingest.stored()] == [
        f"e{number}" for number in range(500) if number != 321
    ]
    [letter] = ingest.letters()
    assert letter.event.event_id == "e321"
    assert letter.event.properties_json == b'{"moves":"many"}'
    assert letter.dead_letter_id == outcome.refusals[321].dead_letter_id


async def test_a_producer_cannot_become_the_batchs_header() -> None:
    """Field 3 of EventBatch is the batch id, 4 the time of arrival, 1 the app."""
    honest = pb.TrackBatchRequest(app_id="chess", events=[_event()]).SerializeToString()
    request = pb.TrackBatchRequest.FromString(honest + b"\x1a\x04evil" + b"\x20\x07")
    payload = ProtoCodec().batch("chess", b"i" * 16, NOW_US, request, [0], alone=True)
    batch = batch_pb2.EventBatch.FromString(payload)
    assert (batch.app_id, batch.batch_id, batch.received_at_us) == ("chess", b"i" * 16, NOW_US)

    honest = pb.EventFrame(sequence=1, events=[_event()]).SerializeToString()
    frame = pb.EventFrame.FromString(honest + b"\x0a\x05other")
    payload = ProtoCodec().batch("chess", b"i" * 16, NOW_US, frame, [0], alone=True)
    assert batch_pb2.EventBatch.FromString(payload).app_id == "chess"


async def test_all_subjects_of_a_batch_are_asked_about_in_one_read() -> None:
    ingest = Ingest()
    bad = _event("c", subject_id="cid", name="?")
    await ingest.take(_event("a", subject_id="ann"), bad, _event("b"), _event("d", subject_id="d"))
    assert ingest.answers.asked == [["ann", "d", "cid"]]


async def test_a_refusal_anonymizes_everywhere_that_the_event_names_the_person() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    event = _event(
        subject_id="ann",
        session_id="s1",
        anonymous_id="device-7",
        entity={"type": "player", "id": "ann"},
        context={"ip": "198.51.100.23"},
        properties_json=b'{"moves":3,"player":"ann","email":"ann@example.org","elo":1500}',
    )
    outcome = await ingest.take(event)
    assert outcome.verdicts == [Verdict.ANONYMIZED]
    [stored] = ingest.stored()
    assert (stored.subject_id, stored.anonymous_id) == ("", ANN)
    assert stored.session_id == PSEUDONYMS.pseudonym("chess", "session\x00s1")
    assert stored.entity.id == ANN
    assert stored.context.ip == "198.51.100.0"
    # `player` is the person, `email` is marked x-pii.
    assert _properties(stored) == {"moves": 3, "elo": 1500}
    assert b"ann" not in stored.SerializeToString().replace(ANN.encode(), b"")


async def test_a_refusal_reaches_the_group_and_what_surrounds_the_event() -> None:
    ingest = Ingest({"77": NO_TELEMETRY})
    event = _event(subject_id="77", group_id="77")
    event.context.extra.update({"player": "x", "who": "77", "number": 77, "level": 78})
    await ingest.take(event)
    [stored] = ingest.stored()
    assert stored.group_id == PSEUDONYMS.pseudonym("chess", "77")
    assert dict(stored.context.extra.items()) == {"level": 78}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (message, field.name)
        for message in (event_pb2.Context, event_pb2.Attribution)
        for field in message.DESCRIPTOR.fields
        if field.type == field.TYPE_STRING
    ],
)
async def test_a_refusal_reaches_every_text_around_the_event(
    message: type[Message], field: str
) -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    part = message.DESCRIPTOR.name.lower()
    event = _event("a", subject_id="ann", request_id="r-1", **{part: {field: "ann"}})
    other = "192.0.2.0" if field == "ip" else "bob"
    kept = _event("b", subject_id="ann", request_id="ann", **{part: {field: other}})
    await ingest.take(event, kept)
    stored = ingest.stored()
    assert [getattr(getattr(event, part), field) for event in stored] == ["", other]
    assert [event.request_id for event in stored] == ["r-1", ""]


async def test_a_refusal_reaches_every_depth_of_what_surrounds_the_event() -> None:
    ingest = Ingest({"77": NO_TELEMETRY})
    event = _event(subject_id="77")
    event.context.extra.update(
        {
            "deep": {"who": "77", "deeper": [{"player": {"mail": "x"}, "level": 78}, "77", 77]},
            "friends": ["78", 77, ["77", "79"], 77, True, None],
            "scores": {"77": 5, "78": 6},
            "level": 177,
        }
    )
    await ingest.take(event)
    assert json_format.MessageToDict(ingest.stored()[0].context.extra) == {
        "deep": {"deeper": [{"level": 78}]},
        "friends": ["78", ["79"], True, None],
        "scores": {"78": 6},
        "level": 177,
    }


async def test_a_long_number_is_the_person_although_a_struct_rounds_it() -> None:
    subject_id = "123456789012345678"
    ingest = Ingest({subject_id: NO_TELEMETRY})
    event = _event(subject_id=subject_id)
    event.context.extra.update({"number": int(subject_id), "level": 7})
    await ingest.take(event)
    assert dict(ingest.stored()[0].context.extra.items()) == {"level": 7}


async def test_a_club_and_what_surrounds_the_event_are_kept_where_they_are_not_the_person() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    refused = _event("a", subject_id="ann", group_id="club-1")
    silent = _event("b", subject_id="bob", group_id="bob")
    for event in (refused, silent):
        event.context.extra.update({"who": "bob", "number": 77})
    await ingest.take(refused, silent)
    stored = ingest.stored()
    assert [event.group_id for event in stored] == ["club-1", "bob"]
    assert [event.context.extra["who"] for event in stored] == ["bob", "bob"]


@pytest.mark.parametrize("fields", [{}, {"name": "?"}])
async def test_fields_that_we_do_not_know_do_not_outlive_a_refusal(fields: dict[str, str]) -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    # Field 1000, a text: tag (1000 << 3 | 2) as a varint, length, content.
    unknown = b"\xc2\x3e" + bytes([6]) + b"canary"
    known = _event(subject_id="ann", **fields)
    known.context.extra.update({"mail": "canary@example.org"} if fields else {})
    await ingest.take(event_pb2.Event.FromString(known.SerializeToString() + unknown))
    kept = [*ingest.stored(), *(letter.event for letter in ingest.letters())]
    assert len(kept) == 1
    assert b"canary" not in kept[0].SerializeToString()


async def test_results_say_why_an_event_was_not_taken() -> None:
    ingest = Ingest()
    events = [_event("a"), _event("b", name="lesson.given", subject_id="bob"), _event("a")]
    events[1].properties_json = b'{"minutes": 1}'
    outcome = await ingest.take(*events)
    dropped, duplicate = results(outcome, events)
    assert (dropped.index, describe_status(dropped.status).reason) == (1, "CONSENT_REFUSED")
    assert dropped.status.code == code_pb2.FAILED_PRECONDITION
    assert not duplicate.HasField("status")
    ingest.stream.full_shards = {0}
    [again] = results(await ingest.take(event := _event("c")), [event])
    assert (again.verdict, again.status.code) == (pb.VERDICT_RETRY, code_pb2.UNAVAILABLE)
    assert describe_status(again.status).reason == "BACKLOG_FULL"


async def test_a_malformed_event_that_is_dropped_says_only_that_it_is_dropped() -> None:
    ingest = Ingest()
    lesson = _event(name="lesson.given", subject_id="bob", properties_json=b'{"minutes":"x"}')
    [dropped] = results(await ingest.take(lesson), [lesson])
    assert (dropped.verdict, dropped.dead_letter_id) == (pb.VERDICT_DROPPED, "")
    assert describe_status(dropped.status).reason == "CONSENT_REFUSED"


async def test_results_of_what_was_taken_or_sampled_give_no_reason() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    touched = [_event(f"t{n}", name="piece.touched", properties_json=b"{}") for n in range(40)]
    events = [_event("a", subject_id="ann"), _event("b"), _event("b"), *touched]
    told = results(await ingest.take(*events), events)
    assert {result.verdict for result in told} == {
        pb.VERDICT_ANONYMIZED,
        pb.VERDICT_DUPLICATE,
        pb.VERDICT_SAMPLED,
    }
    assert not any(result.HasField("status") for result in told)


async def test_pii_is_anonymized_whatever_consent_says() -> None:
    granted = encode_state(1, {"telemetry": True})
    ingest = Ingest({"ann": granted})
    pii = event_pb2.PRIVACY_LEVEL_PII
    audit = _event("b", name="login.failed", subject_id="ann", privacy_level=pii)
    outcome = await ingest.take(_event("a", subject_id="ann", privacy_level=pii), audit)
    assert outcome.verdicts == [Verdict.ANONYMIZED, Verdict.ANONYMIZED]
    assert [event.anonymous_id for event in ingest.stored()] == [ANN, ANN]


async def test_a_dropped_event_is_stored_nowhere() -> None:
    ingest = Ingest()
    lesson = _event(name="lesson.given", properties_json=b'{"player":"ann","minutes":30}')
    outcome = await ingest.take(lesson)
    assert outcome.verdicts == [Verdict.DROPPED]
    assert ingest.stream.appends == []
    assert ingest.answers.asked == [["ann"]]


async def test_a_grant_lets_the_event_pass() -> None:
    ingest = Ingest({"ann": COACHING})
    lesson = _event(name="lesson.given", subject_id="ann", properties_json=b'{"minutes":30}')
    assert (await ingest.take(lesson)).verdicts == [Verdict.ACCEPTED]


async def test_an_event_without_a_purpose_asks_for_nothing() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    outcome = await ingest.take(
        _event(name="login.failed", subject_id="ann", properties_json=b"{}")
    )
    assert outcome.verdicts == [Verdict.ACCEPTED]
    assert ingest.stored()[0].subject_id == "ann"


async def test_a_producers_own_stand_in_is_keyed_again() -> None:
    ingest = Ingest()
    await ingest.take(_event(anonymous_id="5e884898da280471"))
    [stored] = ingest.stored()
    assert stored.anonymous_id == PSEUDONYMS.pseudonym("chess", "anonymous\x005e884898da280471")


async def test_addresses_are_truncated_in_dead_letters_too() -> None:
    ingest = Ingest()
    context = {"ip": "198.51.100.23"}
    await ingest.take(_event("a", context=context), _event("b", name="?", context=context))
    assert ingest.stored()[0].context.ip == "198.51.100.0"
    assert ingest.letters()[0].event.context.ip == "198.51.100.0"


@pytest.mark.parametrize("event", [{"name": "?"}, {"properties_json": b'{"player":"ann"}'}])
async def test_a_dead_letter_of_somebody_who_refused_has_no_name(event: dict[str, Any]) -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    outcome = await ingest.take(
        _event(**{"subject_id": "ann", "properties_json": b'{"moves":0,"mail":"ann@x"}', **event})
    )
    assert outcome.verdicts == [Verdict.REJECTED]
    [letter] = ingest.letters()
    assert (letter.event.subject_id, letter.event.anonymous_id) == ("", ANN)
    assert letter.event.properties_json == b"{}"


async def test_a_dead_letter_finds_its_person_among_the_properties() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    malformed = _event("a", properties_json=b'{"moves":-1,"player":"ann"}')
    lesson = _event("b", name="lesson.given", properties_json=b'{"player":"ann","minutes":"x"}')
    outcome = await ingest.take(malformed, lesson)
    assert outcome.verdicts == [Verdict.REJECTED, Verdict.DROPPED]
    [letter] = ingest.letters()
    assert letter.event.anonymous_id == ANN
    assert b"ann" not in letter.event.SerializeToString().replace(ANN.encode(), b"")


async def test_unreadable_properties_are_kept_only_where_silence_is_consent() -> None:
    ingest = Ingest()
    broken = b'{"player":"ann"'
    outcome = await ingest.take(
        _event("a", properties_json=broken),
        _event("b", name="lesson.given", properties_json=broken),
        _event("c", properties_json=broken, privacy_level=event_pb2.PRIVACY_LEVEL_PII),
    )
    assert outcome.verdicts == [Verdict.REJECTED] * 3
    assert [letter.event.properties_json for letter in ingest.letters()] == [broken, b"{}", b"{}"]


async def test_a_refused_pii_event_is_kept_under_a_pseudonym() -> None:
    ingest = Ingest()
    pii = event_pb2.PRIVACY_LEVEL_PII
    await ingest.take(_event(name="?", subject_id="ann", privacy_level=pii))
    [letter] = ingest.letters()
    assert (letter.event.subject_id, letter.event.anonymous_id) == ("", ANN)


async def test_a_malformed_event_of_a_purpose_that_drops_leaves_nothing() -> None:
    ingest = Ingest()
    lesson = _event(name="lesson.given", subject_id="ann", properties_json=b'{"minutes":"x"}')
    assert (await ingest.take(lesson)).verdicts == [Verdict.DROPPED]
    assert ingest.stream.appends == []


async def test_of_two_with_one_id_in_a_batch_the_first_counts() -> None:
    ingest = Ingest()
    outcome = await ingest.take(_event("a"), _event("b"), _event("a"))
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
    outcome = await ingest.take(_event("a"), _event("b"), _event("a", **fields), _event("a"))
    assert outcome.verdicts[2:] == [Verdict.DUPLICATE] * 2
    assert outcome.conflicts == conflicts
    assert [event.properties_json for event in ingest.stored()] == [b'{"moves":3}'] * 2


async def test_what_the_stream_has_seen_is_a_duplicate() -> None:
    ingest = Ingest()
    ingest.stream.answer = Appended(frozenset({1}), 1)
    outcome = await ingest.take(_event("a", name="?"), _event("b"), _event("c"))
    assert outcome.verdicts == [Verdict.REJECTED, Verdict.ACCEPTED, Verdict.DUPLICATE]
    assert outcome.conflicts == 1


async def test_a_full_backlog_gives_everything_back() -> None:
    ingest = Ingest(retry_after_seconds=0.25)
    ingest.stream.full_shards = {0}
    outcome = await ingest.take(_event("a"), _event("b", name="?"), _event("a"))
    assert outcome.verdicts == [Verdict.RETRY, Verdict.RETRY, Verdict.DUPLICATE]
    assert outcome.retry_after_seconds == 0.25
    assert outcome.refusals == {}


async def test_every_verdict_once_and_nothing_missing() -> None:
    ingest = Ingest({"ann": NO_TELEMETRY})
    touched = [_event(f"t{n}", name="piece.touched", properties_json=b"{}") for n in range(40)]
    outcome = await ingest.take(
        _event("a"),
        _event("b", subject_id="ann"),
        _event("a"),
        _event("d", name="?"),
        _event("e", name="lesson.given", subject_id="bob", properties_json=b"{}"),
        *touched,
    )
    assert outcome.verdicts[:5] == [1, 2, 3, 4, 5]
    kept = len(ingest.stored()) - 2
    assert outcome.verdicts[5:].count(Verdict.SAMPLED) == 40 - kept
    assert 0 < kept < 40


async def test_a_batch_has_at_most_1000_events() -> None:
    with pytest.raises(ResourceExhausted, match="at most 1000 events") as refusal:
        await Ingest().take(*[_event(f"e{n}") for n in range(1001)])
    assert refusal.value.metadata == {"limit": "max_events", "value": "1000"}


async def test_a_batch_has_at_least_one_event() -> None:
    with pytest.raises(InvalidArgument, match="at least one event") as refusal:
        await Ingest().take()
    assert refusal.value.field == "events"


async def test_a_batch_that_is_too_large_is_refused_before_anything_is_appended() -> None:
    ingest = Ingest(shards=4, max_frame_bytes=2_000)
    events = [_event(f"e{n}", subject_id=f"s{n}") for n in range(20)]
    events[19].context.page_url = "x" * 2_000
    with pytest.raises(ResourceExhausted, match="2000 bytes"):
        await ingest.take(*events)
    assert ingest.stream.appends == []


async def test_an_unknown_app_is_not_found() -> None:
    with pytest.raises(NotFound) as refusal:
        await Ingest().take(_event(), app_id="go")
    assert refusal.value.reason == "APP_UNKNOWN"


async def test_a_persons_events_go_to_one_shard_and_full_shards_hurt_only_theirs() -> None:
    ingest = Ingest(shards=4)
    ingest.stream.full_shards = {2}
    events = [_event(f"e{n}", subject_id=f"s{n % 10}") for n in range(100)]
    outcome = await ingest.take(*events, _event("bad", name="?"))
    places: dict[str, set[int]] = {}
    for shard, append in ingest.stream.appends:
        for event in batch_pb2.EventBatch.FromString(append.payload).events:
            places.setdefault(event.subject_id, set()).add(shard)
    assert all(len(shards) == 1 for shards in places.values())
    retried = {f"s{n % 10}" for n in range(100) if outcome.verdicts[n] is Verdict.RETRY}
    assert set(places) | retried == {f"s{n}" for n in range(10)}
    assert not set(places) & retried
    assert len(ingest.stored()) + outcome.verdicts[:100].count(Verdict.RETRY) == 100
