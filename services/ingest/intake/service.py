"""The ingest servicer: messages in, messages out."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import grpc
from weir.common.v1.event_pb2 import Event
from weir.ingest.v1 import ingest_service_pb2 as pb
from weir.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

from libs.common.errors import ResourceExhausted
from libs.rpc.shared_timeout import SharedTimeout
from libs.runtime.telemetry import call_traceparent
from services.ingest import metrics
from services.ingest.intake import convert
from services.ingest.intake.group_commit import GroupCommit
from services.ingest.intake.model import Frame, Outcome, Verdict
from services.ingest.intake.streaming import EventStream
from services.ingest.settings import IngestSettings

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["IngestService"].full_name


class IngestServicer(pb_grpc.IngestServiceServicer):
    """Implements `weir.ingest.v1.IngestService`."""

    def __init__(
        self, batches: GroupCommit, settings: IngestSettings, draining: asyncio.Event
    ) -> None:
        self._batches = batches
        self._settings = settings
        self._draining = draining
        self._first_message_timeout = SharedTimeout(settings.first_message_seconds)

    async def StreamEvents(  # noqa: N802
        self, _: AsyncIterator[pb.StreamEventsRequest], context: grpc.aio.ServicerContext
    ) -> None:
        with metrics.STREAMS.track_inprogress():
            stream = EventStream(
                context, self._batches, self._settings, self._draining, self._first_message_timeout
            )
            await stream.run()

    async def TrackEvent(  # noqa: N802
        self, request: pb.TrackEventRequest, context: grpc.aio.ServicerContext
    ) -> pb.TrackEventResponse:
        outcome = await self._take(request.app_id, convert.events_of(request), context)
        self._raise_for_retry(outcome)
        return pb.TrackEventResponse(
            verdict=convert.verdict_number(outcome.verdicts[0]),
            status=convert.event_status(outcome, 0),
            dead_letter_id=convert.dead_letter_id(outcome, 0),
        )

    async def TrackBatch(  # noqa: N802
        self, request: pb.TrackBatchRequest, context: grpc.aio.ServicerContext
    ) -> pb.TrackBatchResponse:
        events = convert.events_of(request)
        outcome = await self._take(request.app_id, events, context)
        self._raise_for_retry(outcome)
        return pb.TrackBatchResponse(
            counts=convert.verdict_counts(outcome), results=convert.results(outcome, events)
        )

    async def _take(
        self, app_id: str, events: Sequence[Event], context: grpc.aio.ServicerContext
    ) -> Outcome:
        frame = Frame(events, call_traceparent(context.invocation_metadata()))
        return await self._batches.submit(app_id, frame)

    def _raise_for_retry(self, outcome: Outcome) -> None:
        """A unary call that took nothing says so as an error, so that gRPC's own retries work."""
        if all(verdict is Verdict.RETRY for verdict in outcome.verdicts):
            raise ResourceExhausted(
                "the backlog is full; nothing was taken",
                reason="BACKLOG_FULL",
                retry_after_seconds=outcome.retry_after_seconds,
            )
