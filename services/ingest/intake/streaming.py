"""One StreamEvents call: settings, then a frame, an ack, a frame, an ack, until either side leaves."""

import asyncio
from collections.abc import Sequence

import grpc
from weir.common.v1.event_pb2 import Event
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.common.errors import InvalidArgument, Unavailable, UnreadableMessage, WeirError
from libs.rpc.request_reading import read_first
from libs.rpc.status import rpc_status
from libs.runtime.telemetry import call_traceparent
from services.ingest.intake import convert
from services.ingest.intake.model import Outcome, Verdict
from services.ingest.intake.pipeline import IngestPipeline
from services.ingest.intake.take_batch import take_batch
from services.ingest.settings import IngestSettings

# What a read gives: a message, or why it is none.
Request = pb.StreamEventsRequest | UnreadableMessage
# How long a producer has to end its stream after a `go_away`.
GO_AWAY_GRACE_SECONDS = 3.0


class EventStream:
    """Answers the frames of one stream in their order.

    Frames are taken one after the other, so that one person's events stay in order, while the next
    frame is already being received.
    """

    def __init__(
        self,
        context: grpc.aio.ServicerContext,
        pipeline: IngestPipeline,
        settings: IngestSettings,
        draining: asyncio.Event,
    ) -> None:
        self._context = context
        self._pipeline = pipeline
        self._settings = settings
        self._draining = draining
        self._opening = pb.StreamSettings()
        self._traceparent = call_traceparent(context.invocation_metadata())
        self._last_sequence = 0
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Serves the stream to its end. Raises InvalidArgument if it does not begin with settings,
        DeadlineExceeded if these do not come in time, Unavailable (DRAINING) if the producer stays after
        a `go_away`."""
        first = await read_first(self._context, self._settings.first_message_seconds)
        if first is grpc.aio.EOF:
            return
        if first.WhichOneof("message") != "settings":
            raise InvalidArgument("the first message must be settings", field="settings")
        self._opening = first.settings
        self._pipeline.catalog(self._opening.app_id)
        await self._send_limits()
        draining = asyncio.ensure_future(self._draining.wait())
        reading = asyncio.ensure_future(self._context.read())
        leave_by: float | None = None
        try:
            while True:
                if leave_by is None:
                    # Returns at once if the drain began while a frame was being answered.
                    await asyncio.wait({reading, draining}, return_when=asyncio.FIRST_COMPLETED)
                    if draining.done():
                        leave_by = self._loop.time() + GO_AWAY_GRACE_SECONDS
                        # Frames already under way are still answered; the client sends no new ones.
                        await self._context.write(
                            pb.StreamEventsResponse(
                                go_away=pb.GoAway(last_sequence=self._last_sequence)
                            )
                        )
                if leave_by is not None:
                    await asyncio.wait({reading}, timeout=leave_by - self._loop.time())
                    if not reading.done():
                        raise Unavailable(
                            "the server is draining", reason="DRAINING", retry_after_seconds=1.0
                        )
                request = await _frame_or_error(reading)
                if request is grpc.aio.EOF:
                    return
                reading = asyncio.ensure_future(self._context.read())
                await self._context.write(pb.StreamEventsResponse(ack=await self._answer(request)))
        finally:
            draining.cancel()
            reading.cancel()
            if reading.done() and not reading.cancelled():
                reading.exception()  # a frame that came too late may have been unreadable as well

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

    async def _answer(self, request: Request) -> pb.FrameAck:
        if isinstance(request, UnreadableMessage):
            # Without a sequence, which could not be read: acks come in the order of the frames.
            return pb.FrameAck(credits=1, status=rpc_status(request))
        if request.WhichOneof("message") != "frame":
            return pb.FrameAck(
                credits=1,
                status=rpc_status(InvalidArgument("settings come once, first", field="settings")),
            )
        frame = request.frame
        sequence, traceparent = frame.sequence, frame.traceparent or self._traceparent
        events = convert.events_of(frame)
        self._fill_in(events)
        try:
            outcome = await take_batch(self._pipeline, self._opening.app_id, events, traceparent)
        except Unavailable as error:
            outcome = Outcome([Verdict.RETRY] * len(events))
            outcome.retry_after_seconds = error.retry_after_seconds
            ack = convert.frame_ack(sequence, outcome, events)
            ack.status.CopyFrom(rpc_status(error))
            return ack
        except WeirError as error:
            return pb.FrameAck(sequence=sequence, credits=1, status=rpc_status(error))
        self._last_sequence = sequence
        return convert.frame_ack(sequence, outcome, events)

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


async def _frame_or_error(reading: "asyncio.Future[Request]") -> Request:
    try:
        return await reading
    except UnreadableMessage as error:
        return error
