"""One StreamEvents call: settings, then frames and their acks, until either side leaves."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import grpc
from weir.common.v1.event_pb2 import Event
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.common.errors import InvalidArgument, Unavailable, UnreadableMessage, WeirError
from libs.rpc.request_reading import read_first
from libs.rpc.shared_timeout import SharedTimeout
from libs.rpc.status import rpc_status
from libs.runtime.telemetry import call_traceparent
from services.ingest.intake import convert
from services.ingest.intake.group_commit import GroupCommit
from services.ingest.intake.model import Frame, Outcome
from services.ingest.settings import IngestSettings

# How long a producer has to end its stream after a `go_away`.
GO_AWAY_GRACE_SECONDS = 3.0
# How many batches' events of one stream are read and not yet answered: of the batch that is appended, the one
# that is prepared meanwhile, and the next. A parsed event takes three times the memory of its message.
_BATCHES_AHEAD = 3


class _Submitted(NamedTuple):
    """A frame that waits for its verdicts."""

    sequence: int
    frame: Frame
    outcome: "asyncio.Future[Outcome]"


class _GoAway:
    """In the place where a `go_away` is to be sent."""


class _End:
    """Behind the last frame of a producer that has ended its stream."""


# What the producer gets, in this order: acks, a `go_away`, the end of the stream or the error that ends it.
_Answer = _Submitted | pb.FrameAck | _GoAway | _End | Exception


class EventStream:
    """Answers the frames of one stream in their order.

    Frames are submitted as they come, so that those of one stream can share a batch, and their events stay in
    order. As many are read ahead as the stream has credits, at most one frame's limit of bytes and three
    batches' events.
    """

    def __init__(
        self,
        context: grpc.aio.ServicerContext,
        batches: GroupCommit,
        settings: IngestSettings,
        draining: asyncio.Event,
        first_message_timeout: SharedTimeout,
    ) -> None:
        self._context = context
        self._batches = batches
        self._settings = settings
        self._draining = draining
        self._first_message_timeout = first_message_timeout
        self._opening = pb.StreamSettings()
        self._traceparent = call_traceparent(context.invocation_metadata())
        self._last_sequence = 0
        self._answers: asyncio.Queue[_Answer] = asyncio.Queue(settings.stream_credits)
        self._unanswered: set[asyncio.Future[Outcome]] = set()
        self._unanswered_bytes = 0
        self._unanswered_events = 0
        self._has_room = asyncio.Event()

    async def run(self) -> None:
        """Serves the stream to its end. Raises InvalidArgument if it does not begin with settings,
        DeadlineExceeded if these do not come in time, Unavailable (DRAINING) if the producer stays after
        a `go_away`."""
        first = await read_first(self._context, self._first_message_timeout)
        if first is grpc.aio.EOF:
            return
        if first.WhichOneof("message") != "settings":
            raise InvalidArgument("the first message must be settings", field="settings")
        self._opening = first.settings
        self._batches.check_app(self._opening.app_id)
        await self._send_limits()
        reading = asyncio.create_task(self._read_frames())
        leaving = asyncio.create_task(self._leave())
        try:
            while not isinstance(answer := await self._answers.get(), _End):
                await self._context.write(await self._response(answer))
        finally:
            reading.cancel()
            leaving.cancel()
            self._abandon()

    async def _send_limits(self) -> None:
        wanted = self._opening.max_in_flight or self._settings.stream_credits
        await self._context.write(
            pb.StreamEventsResponse(
                limits=pb.StreamLimits(
                    max_events=self._settings.max_events_per_frame,
                    max_bytes=self._settings.max_frame_bytes,
                    credits=min(wanted, self._settings.stream_credits),
                )
            )
        )

    async def _leave(self) -> None:
        """Asks the producer to leave when the service drains. Frames already under way are still answered;
        the client sends no new ones."""
        await self._draining.wait()
        await self._answers.put(_GoAway())
        await asyncio.sleep(GO_AWAY_GRACE_SECONDS)
        await self._answers.put(
            Unavailable("the server is draining", reason="DRAINING", retry_after_seconds=1.0)
        )

    async def _read_frames(self) -> None:
        try:
            while (answer := await self._read_frame()) is not None:
                await self._answers.put(answer)
                while self._has_read_enough():
                    self._has_room.clear()
                    await self._has_room.wait()
        except Exception as error:
            await self._answers.put(error)
        else:
            await self._answers.put(_End())

    def _has_read_enough(self) -> bool:
        return (
            self._unanswered_bytes >= self._settings.max_frame_bytes
            or self._unanswered_events >= _BATCHES_AHEAD * self._settings.max_events_per_frame
        )

    async def _read_frame(self) -> _Answer | None:
        """What becomes of the next message; None if the producer has ended its stream."""
        try:
            request = await self._context.read()
        except UnreadableMessage as error:
            # Without a sequence, which could not be read: acks come in the order of the frames.
            return pb.FrameAck(credits=1, status=rpc_status(error))
        if request is grpc.aio.EOF:
            return None
        if request.WhichOneof("message") != "frame":
            return pb.FrameAck(
                credits=1,
                status=rpc_status(InvalidArgument("settings come once, first", field="settings")),
            )
        sequence = request.frame.sequence
        events = convert.events_of(request.frame)
        self._fill_in(events)
        frame = Frame(events, request.frame.traceparent or self._traceparent)
        try:
            outcome = self._batches.submit(self._opening.app_id, frame, source=self)
        except WeirError as error:
            return pb.FrameAck(sequence=sequence, credits=1, status=rpc_status(error))
        self._unanswered.add(outcome)
        self._unanswered_bytes += frame.size_bytes
        self._unanswered_events += len(events)
        return _Submitted(sequence, frame, outcome)

    def _fill_in(self, events: Sequence[Event]) -> None:
        producer, environment = self._opening.producer, self._opening.environment
        if producer:
            for event in events:
                if not event.producer:
                    event.producer = producer
        if environment:
            for event in events:
                if not event.environment:
                    event.environment = environment

    async def _response(self, answer: _Answer) -> pb.StreamEventsResponse:
        if isinstance(answer, _Submitted):
            ack = await self._ack(answer)
            self._unanswered.discard(answer.outcome)
            self._unanswered_bytes -= answer.frame.size_bytes
            self._unanswered_events -= len(answer.frame.events)
            self._has_room.set()
            return pb.StreamEventsResponse(ack=ack)
        if isinstance(answer, pb.FrameAck):
            return pb.StreamEventsResponse(ack=answer)
        if isinstance(answer, Exception):
            raise answer
        return pb.StreamEventsResponse(go_away=pb.GoAway(last_sequence=self._last_sequence))

    async def _ack(self, submitted: _Submitted) -> pb.FrameAck:
        sequence, frame, waiting = submitted
        try:
            outcome = await waiting
        except Unavailable as error:
            frame.outcome.set_retry(error.retry_after_seconds)
            ack = convert.frame_ack(sequence, frame.outcome, frame.events)
            ack.status.CopyFrom(rpc_status(error))
            return ack
        except WeirError as error:
            return pb.FrameAck(sequence=sequence, credits=1, status=rpc_status(error))
        self._last_sequence = sequence
        return convert.frame_ack(sequence, outcome, frame.events)

    def _abandon(self) -> None:
        """Frames that no caller waits for any more need not be taken."""
        for outcome in self._unanswered:
            # Asyncio reports an exception that is never looked at.
            if not outcome.cancel() and not outcome.cancelled():
                outcome.exception()
