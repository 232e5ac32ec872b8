"""Ingest's servicer and the SDK against one another, over a real connection, on stand-ins for the stores."""

import asyncio
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from prometheus_client import REGISTRY
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

from libs.catalog import Catalogs
from libs.common.clock import SystemClock
from libs.common.errors import Unavailable
from libs.common.ids import new_uuid7
from libs.common.pseudonym import Pseudonymizer
from libs.rpc.server import Binding, GrpcServer
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.consent_gate import ConsentGate
from services.ingest.intake.group_commit import GroupCommit
from services.ingest.intake.model import Append, Appended, Frame, Outcome
from services.ingest.intake.pipeline import IngestPipeline
from services.ingest.intake.service import IngestServicer
from services.ingest.settings import IngestSettings
from tests.support.chess_catalog import chess
from tests.support.ingest_fakes import MemoryConsentStates, MemoryRawStream
from tests.support.rejections import details_of, reason_of
from tests.support.waiting import until
from weir_client import (
    Client,
    EventSender,
    GaveUpError,
    build_event,
    describe_error,
    describe_status,
)

# Field 2, the frame, whose four bytes are missing.
BROKEN_FRAME = b"\x12\x04"


class Gate(MemoryRawStream):
    """A stream that lets appends pass while it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.reached = asyncio.Event()
        self.rejections: list[Exception | None] = []

    async def append(self, shard: int, append: Append) -> Appended | None:
        self.reached.set()
        await self.open.wait()
        if self.rejections:
            rejection = self.rejections.pop(0)
            if rejection is not None:
                raise rejection
            return None
        return await super().append(shard, append)


class Ingest:
    """A served ingest whose stores are stand-ins."""

    def __init__(self, **options: Any) -> None:
        self.stream, self.draining, self.answers = Gate(), asyncio.Event(), MemoryConsentStates()
        given = {"port": 0, "environment": "development", "retry_after_seconds": 0.01, **options}
        settings = IngestSettings.model_validate(given)
        gate = ConsentGate(self.answers, Anonymizer(Pseudonymizer(b"0123456789abcdef")))
        pipeline = IngestPipeline(
            Catalogs.of(chess()), gate, self.stream, SystemClock(), new_uuid7, settings
        )
        self.batches = GroupCommit(pipeline, settings)
        servicer = IngestServicer(self.batches, settings, self.draining)
        add = pb_grpc.add_IngestServiceServicer_to_server
        self.server = GrpcServer(settings, [Binding("weir.ingest.v1.IngestService", servicer, add)])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def open_streams(self) -> float:
        return REGISTRY.get_sample_value("weir_ingest_open_streams") or 0.0

    def stored(self) -> list[str]:
        return [event.event_id for _, append in self.stream.appends for event in append.events]


@asynccontextmanager
async def _served(**options: Any) -> AsyncIterator[Ingest]:
    served = Ingest(**options)
    await served.server.start()
    try:
        yield served
    finally:
        await served.server.stop(0)


# As much as an event may hold; eleven of them are more than a frame may.
LARGE = {"moves": 1, **{f"part{number}": "x" * 60_000 for number in range(8)}}


@pytest.fixture
async def ingest() -> AsyncIterator[Ingest]:
    async with _served() as served:
        yield served


def _event(event_id: str, **fields: Any) -> event_pb2.Event:
    return build_event("game.ended", event_id=event_id, **{"properties": {"moves": 1}, **fields})


async def _streaming(ingest: Ingest) -> Any:
    channel = grpc.aio.insecure_channel(ingest.address)
    call = pb_grpc.IngestServiceStub(channel).StreamEvents()
    await call.write(pb.StreamEventsRequest(settings=pb.StreamSettings(app_id="chess")))
    assert (await call.read()).limits.credits == 16
    return channel, call


def _frame(sequence: int, *ids: str) -> pb.StreamEventsRequest:
    frame = pb.EventFrame(sequence=sequence, events=[_event(event_id) for event_id in ids])
    return pb.StreamEventsRequest(frame=frame)


async def test_a_drain_that_begins_while_a_frame_is_answered_is_told(ingest: Ingest) -> None:
    channel, call = await _streaming(ingest)
    async with channel:
        ingest.stream.open.clear()
        await call.write(_frame(7, "a"))
        await call.write(_frame(8, "b"))
        await ingest.stream.reached.wait()
        ingest.draining.set()
        ingest.stream.open.set()
        answers = [await call.read() for _ in range(3)]
        kinds = [answer.WhichOneof("message") for answer in answers]
        # Frame 8 may have come before the drain or after it.
        assert kinds in (["ack", "go_away", "ack"], ["ack", "ack", "go_away"])
        place = kinds.index("go_away")
        go_away = answers.pop(place).go_away
        assert [answer.ack.sequence for answer in answers] == [7, 8]
        assert go_away.last_sequence == answers[place - 1].ack.sequence
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
    assert ingest.stored() == ["a", "b"]


async def test_the_frames_of_a_producer_that_has_gone_are_not_taken(ingest: Ingest) -> None:
    channel, call = await _streaming(ingest)
    async with channel:
        ingest.stream.open.clear()
        await call.write(_frame(1, "a"))
        await ingest.stream.reached.wait()
        for sequence in range(2, 6):
            await call.write(_frame(sequence, f"b{sequence}"))
        queue = ingest.batches._lanes["chess"]._queue
        await until(lambda: queue.events == 4)
        call.cancel()
        await until(lambda: ingest.open_streams() == 0)
        ingest.stream.open.set()
        async with grpc.aio.insecure_channel(ingest.address) as other:
            stub = pb_grpc.IngestServiceStub(other)
            await stub.TrackEvent(pb.TrackEventRequest(app_id="chess", event=_event("c")))
    assert ingest.stored() == ["a", "c"]


@pytest.mark.parametrize("rejection", [None, Unavailable("redis", retry_after_seconds=0.01)])
async def test_a_frame_that_was_not_taken_is_given_back(
    ingest: Ingest, rejection: Exception | None
) -> None:
    ingest.stream.rejections = [rejection]
    channel, call = await _streaming(ingest)
    async with channel:
        await call.write(_frame(1, "a", "b"))
        ack = (await call.read()).ack
        assert ack.counts == pb.VerdictCounts(retry=2)
        assert [result.verdict for result in ack.results] == [pb.VERDICT_RETRY] * 2
        assert ack.retry_after.ToMilliseconds() == 10
        await call.write(_frame(2, "a", "b"))
        assert (await call.read()).ack.counts == pb.VerdictCounts(accepted=2)


async def test_a_stream_without_settings_is_ended() -> None:
    async with (
        _served(first_message_seconds=0.2) as ingest,
        grpc.aio.insecure_channel(ingest.address) as channel,
    ):
        call = pb_grpc.IngestServiceStub(channel).StreamEvents()
        with pytest.raises(grpc.aio.AioRpcError) as rejection:
            await call.read()
    assert reason_of(rejection.value) == ("DEADLINE_EXCEEDED", "CALL_TIMED_OUT", "")
    limit = {"limit": "first_message_seconds", "value": "0.2"}
    assert details_of(rejection.value).metadata == limit


async def test_a_stream_goes_on_after_bytes_that_are_no_frame(ingest: Ingest) -> None:
    async with grpc.aio.insecure_channel(ingest.address) as channel:
        call = channel.stream_stream(
            "/weir.ingest.v1.IngestService/StreamEvents",
            response_deserializer=pb.StreamEventsResponse.FromString,
        )()
        settings = pb.StreamEventsRequest(settings=pb.StreamSettings(app_id="chess"))
        for data in (settings.SerializeToString(), BROKEN_FRAME):
            await call.write(data)
        await call.write(_frame(5, "a").SerializeToString())
        limits, broken, ack = [await call.read() for _ in range(3)]
        assert limits.WhichOneof("message") == "limits"
        assert (broken.ack.sequence, broken.ack.credits) == (0, 1)
        assert describe_status(broken.ack.status).code == "INVALID_ARGUMENT"
        assert describe_status(broken.ack.status).reason == "MESSAGE_UNREADABLE"
        assert (ack.ack.sequence, ack.ack.counts) == (5, pb.VerdictCounts(accepted=1))
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
    assert ingest.stored() == ["a"]


def _send_one_broken(ingest: Ingest, acks: list[tuple[str, pb.FrameAck]]) -> EventSender:
    attempts = []

    def serialize(request: pb.StreamEventsRequest) -> bytes:
        if [event.event_id for event in request.frame.events] == ["b"]:
            attempts.append(request)
            return BROKEN_FRAME
        return request.SerializeToString()

    with grpc.insecure_channel(ingest.address) as channel:
        stream = channel.stream_stream(
            "/weir.ingest.v1.IngestService/StreamEvents",
            request_serializer=serialize,
            response_deserializer=pb.StreamEventsResponse.FromString,
        )
        with EventSender(
            stream,
            "chess",
            frame_events=1,
            on_ack=lambda events, ack: acks.append((events[0].event_id, ack)),
        ) as sender:
            sender.send_all(map(_event, "abc"))
    assert len(attempts) == 1
    return sender


async def test_the_sender_does_not_repeat_what_cannot_be_read(ingest: Ingest) -> None:
    acks: list[tuple[str, pb.FrameAck]] = []
    sender = await asyncio.to_thread(_send_one_broken, ingest, acks)
    assert (sender.totals.accepted, sender.totals.failed) == (2, 1)
    assert [event_id for event_id, _ in acks] == ["a", "b", "c"]
    assert describe_status(acks[1][1].status).reason == "MESSAGE_UNREADABLE"
    assert ingest.stored() == ["a", "c"]


def _send_over(channel: grpc.Channel) -> EventSender:
    with Client("", channel=channel).stream("chess") as sender:
        sender.send(_event("a"))
    return sender


async def test_the_sender_waits_while_too_many_streams_are_open() -> None:
    async with _served(max_streams_per_credential=1) as ingest:
        channel, call = await _streaming(ingest)
        async with channel:
            with grpc.insecure_channel(ingest.address) as other:
                before = _refused_calls()
                sending = asyncio.create_task(asyncio.to_thread(_send_over, other))
                await until(lambda: _refused_calls() > before)
                assert not sending.done()
                await call.done_writing()
                assert await call.read() is grpc.aio.EOF
                assert (await sending).totals.accepted == 1


def _refused_calls() -> float:
    labels = {"limit": "max_streams_per_credential"}
    return REGISTRY.get_sample_value("weir_rpc_refused_calls_total", labels) or 0.0


def _track(ingest: Ingest, *events: event_pb2.Event) -> pb.TrackBatchResponse:
    with Client(ingest.address) as client:
        return client.track_batch("chess", events)


async def test_a_call_waits_for_the_backlog_to_shrink(ingest: Ingest) -> None:
    ingest.stream.rejections = [None, None, Unavailable("redis")]
    response = await asyncio.to_thread(_track, ingest, _event("a"))
    assert response.counts == pb.VerdictCounts(accepted=1)


async def test_a_backlog_that_stays_full_is_told(ingest: Ingest) -> None:
    ingest.stream.rejections = [None] * 9
    with pytest.raises(grpc.RpcError) as rejection:
        await asyncio.to_thread(_track, ingest, _event("a"))
    assert rejection.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert describe_error(rejection.value).reason == "BACKLOG_FULL"
    # Five attempts, as the service config says.
    assert len(ingest.stream.rejections) == 4


async def test_a_stream_is_read_three_batches_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _served(max_events_per_frame=2) as ingest:
        submit, read = ingest.batches.submit, []

        def note(app_id: str, frame: Frame, source: Hashable = None) -> "asyncio.Future[Outcome]":
            read.append(frame)
            return submit(app_id, frame, source)

        monkeypatch.setattr(ingest.batches, "submit", note)
        channel, call = await _streaming(ingest)
        async with channel:
            ingest.stream.open.clear()
            for number in range(10):
                await call.write(_frame(number + 1, f"a{number}", f"b{number}"))
            await until(lambda: len(read) == 3)
            await asyncio.sleep(0.1)
            assert len(read) == 3
            ingest.stream.open.set()
            answers = [await call.read() for _ in range(10)]
            assert [answer.ack.sequence for answer in answers] == list(range(1, 11))
    assert ingest.stored() == [f"{name}{number}" for number in range(10) for name in "ab"]


async def test_a_batch_that_is_too_large_is_not_tried_again(ingest: Ingest) -> None:
    events = [_event(f"e{number}", properties=LARGE, subject_id="ann") for number in range(11)]
    before = _rejected_frames()
    with pytest.raises(grpc.RpcError) as rejection:
        await asyncio.to_thread(_track, ingest, *events)
    assert describe_error(rejection.value).reason == "LIMIT_EXCEEDED"
    assert _rejected_frames() - before == 1


def _rejected_frames() -> float:
    return REGISTRY.get_sample_value("weir_ingest_rejected_frames_total", {"app": "chess"}) or 0.0


def _send(ingest: Ingest, events: Sequence[event_pb2.Event], **options: Any) -> EventSender:
    with Client(ingest.address) as client, client.stream("chess", **options) as sender:
        sender.send_all(events)
    return sender


async def test_the_sender_sends_again_what_was_given_back(ingest: Ingest) -> None:
    ingest.stream.rejections = [None, Unavailable("redis", retry_after_seconds=0.01), None]
    events = [_event(f"e{number}") for number in range(10)]
    sender = await asyncio.to_thread(_send, ingest, events, frame_events=5)
    assert sender.totals.accepted == sender.totals.sent == 10
    assert sorted(ingest.stored()) == [f"e{number}" for number in range(10)]


async def test_the_sender_cuts_frames_that_would_be_too_large(ingest: Ingest) -> None:
    events = [_event(f"e{number}", properties=LARGE) for number in range(20)]
    sender = await asyncio.to_thread(_send, ingest, events)
    assert (sender.totals.accepted, sender.totals.failed) == (20, 0)
    assert ingest.stored() == [f"e{number}" for number in range(20)]


async def test_the_sender_counts_an_event_that_no_frame_can_hold(ingest: Ingest) -> None:
    large = _event("large", context={"page_url": "x" * (5 * 1024 * 1024)})
    sender = await asyncio.to_thread(_send, ingest, [_event("a"), large, _event("b")])
    assert (sender.totals.accepted, sender.totals.failed) == (2, 1)


async def test_who_waits_hears_of_an_error_in_on_ack(ingest: Ingest) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    with pytest.raises(GaveUpError, match="RuntimeError"):
        await asyncio.to_thread(_send, ingest, [_event("a")], on_ack=fail)


async def test_an_error_that_time_does_not_cure_is_told_at_once(ingest: Ingest) -> None:
    with pytest.raises(GaveUpError, match="APP_UNKNOWN"):
        await asyncio.to_thread(_send_to_unknown_app, ingest)


def _send_to_unknown_app(ingest: Ingest) -> None:
    with Client(ingest.address) as client, client.stream("go") as sender:
        sender.send(_event("a"))
