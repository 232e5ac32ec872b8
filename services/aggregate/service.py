"""The servicers: each call goes to the capability that answers it."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import grpc
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc as pb_grpc
from weir.aggregate.v1 import (
    behaviour_pb2,
    event_query_pb2,
    gauge_pb2,
    job_service_pb2,
    job_service_pb2_grpc,
    metric_pb2,
    recount_pb2,
    verify_pb2,
)

from libs.audit import Action, Details
from libs.rpc.audited_reads import AuditedReads, ReadNote
from services.aggregate.behaviour.cohorts.service import CohortQueries
from services.aggregate.behaviour.funnel.service import FunnelQueries
from services.aggregate.behaviour.paths.service import PathQueries
from services.aggregate.behaviour.segments.service import SegmentQueries
from services.aggregate.dirty.service import Backfills
from services.aggregate.events.own.service import OwnEvents
from services.aggregate.events.service import EventLists
from services.aggregate.exports.service import EventExports
from services.aggregate.gauges.service import GaugeQueries
from services.aggregate.journal.service import JournalCalls
from services.aggregate.live.service import RollupWatches
from services.aggregate.named_metrics.service import MetricQueries
from services.aggregate.results.service import ResultQueries
from services.aggregate.results.verification.service import ResultVerifications
from services.aggregate.rollups.service import RollupQueries
from services.aggregate.verify.service import Verifications


class AggregateServicer(pb_grpc.AggregateServiceServicer):
    """Implements `weir.aggregate.v1.AggregateService`."""

    def __init__(
        self,
        rollups: RollupQueries,
        watches: RollupWatches,
        cohorts: CohortQueries,
        funnels: FunnelQueries,
        paths: PathQueries,
        segments: SegmentQueries,
        verifications: Verifications,
        events: EventLists,
        own_events: OwnEvents,
        exports: EventExports,
        gauges: GaugeQueries,
        backfills: Backfills,
        metrics: MetricQueries,
        reads: AuditedReads,
    ) -> None:
        self._rollups = rollups
        self._watches = watches
        self._cohorts = cohorts
        self._funnels = funnels
        self._paths = paths
        self._segments = segments
        self._verifications = verifications
        self._events = events
        self._own_events = own_events
        self._exports = exports
        self._gauges = gauges
        self._backfills = backfills
        self._metrics = metrics
        self._reads = reads

    async def GetMetric(  # noqa: N802
        self, request: metric_pb2.GetMetricRequest, context: grpc.aio.ServicerContext
    ) -> metric_pb2.GetMetricResponse:
        response = await self._metrics.get(request)
        if request.subject_id:
            await self._reads.note(
                Action.PERSON_NUMBERS_READ,
                request.app_id,
                context,
                subject_id=request.subject_id,
                details={"metric": request.metric},
            )
        return response

    async def QueryRollup(  # noqa: N802
        self, request: pb.QueryRollupRequest, context: grpc.aio.ServicerContext
    ) -> pb.QueryRollupResponse:
        return await self._rollups.query(request, self._note(request.app_id, context))

    async def WatchRollups(  # noqa: N802
        self, request: pb.WatchRollupsRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.WatchRollupsResponse]:
        note = self._note(request.app_id, context)
        async with aclosing(self._watches.watch(request, note)) as messages:
            async for message in messages:
                yield message

    async def QueryGauges(  # noqa: N802
        self, request: gauge_pb2.QueryGaugesRequest, _: grpc.aio.ServicerContext
    ) -> gauge_pb2.QueryGaugesResponse:
        return await self._gauges.query(request)

    async def WatchGauges(  # noqa: N802
        self, request: gauge_pb2.WatchGaugesRequest, _: grpc.aio.ServicerContext
    ) -> AsyncIterator[gauge_pb2.WatchGaugesResponse]:
        async with aclosing(self._gauges.watch(request)) as messages:
            async for message in messages:
                yield message

    async def QueryCohortRetention(  # noqa: N802
        self, request: pb.QueryCohortRetentionRequest, _: grpc.aio.ServicerContext
    ) -> pb.QueryCohortRetentionResponse:
        return await self._cohorts.retention(request)

    async def QueryCohorts(  # noqa: N802
        self, request: behaviour_pb2.QueryCohortsRequest, _: grpc.aio.ServicerContext
    ) -> behaviour_pb2.QueryCohortsResponse:
        return await self._cohorts.query(request)

    async def QueryFunnel(  # noqa: N802
        self, request: behaviour_pb2.QueryFunnelRequest, _: grpc.aio.ServicerContext
    ) -> behaviour_pb2.QueryFunnelResponse:
        return await self._funnels.query(request)

    async def QueryPaths(  # noqa: N802
        self, request: behaviour_pb2.QueryPathsRequest, _: grpc.aio.ServicerContext
    ) -> behaviour_pb2.QueryPathsResponse:
        return await self._paths.query(request)

    async def QuerySegments(  # noqa: N802
        self, request: behaviour_pb2.QuerySegmentsRequest, _: grpc.aio.ServicerContext
    ) -> behaviour_pb2.QuerySegmentsResponse:
        return await self._segments.query(request)

    async def VerifyRollups(  # noqa: N802
        self, request: verify_pb2.VerifyRollupsRequest, context: grpc.aio.ServicerContext
    ) -> None:
        note = self._note(request.app_id, context)
        await self._verifications.verify(request, context.write, note)

    async def ListRollups(  # noqa: N802
        self, request: pb.ListRollupsRequest, _: grpc.aio.ServicerContext
    ) -> pb.ListRollupsResponse:
        return await self._backfills.list(request)

    async def BackfillRollups(  # noqa: N802
        self, request: recount_pb2.BackfillRollupsRequest, _: grpc.aio.ServicerContext
    ) -> recount_pb2.BackfillRollupsResponse:
        return await self._backfills.backfill(request)

    async def ListEvents(  # noqa: N802
        self, request: event_query_pb2.ListEventsRequest, context: grpc.aio.ServicerContext
    ) -> event_query_pb2.ListEventsResponse:
        response = await self._events.list(request)
        # Without the filter, which may name a person.
        of = request.of.WhichOneof("of")
        details = {"of": of} if of else None
        await self._reads.note(Action.EVENTS_LISTED, request.app_id, context, details=details)
        return response

    async def ListOwnEvents(  # noqa: N802
        self,
        request: event_query_pb2.ListOwnEventsRequest,
        context: grpc.aio.ServicerContext,
    ) -> event_query_pb2.ListOwnEventsResponse:
        response = await self._own_events.list(request)
        await self._reads.note(
            Action.OWN_EVENTS_LISTED, request.app_id, context, subject_id=request.subject_id
        )
        return response

    async def ExportEvents(  # noqa: N802
        self,
        request: event_query_pb2.ExportEventsRequest,
        context: grpc.aio.ServicerContext,
    ) -> None:
        note = self._reads.noting(Action.EVENTS_EXPORTED, request.app_id, context)
        name = event_query_pb2.ExportFormat.Name(request.format)
        details: Details = {"format": name, "resumed": bool(request.resume_token)}

        async def send(response: event_query_pb2.ExportEventsResponse) -> None:
            # By now the request is known to be right.
            if not request.without_personal_data:
                await note(details)
            await context.write(response)

        await self._exports.export(request, send)

    def _note(self, app_id: str, context: grpc.aio.ServicerContext) -> ReadNote:
        """For numbers of single people."""
        return self._reads.noting(Action.PERSON_NUMBERS_READ, app_id, context)


class JobServicer(job_service_pb2_grpc.JobServiceServicer):
    """Implements `weir.aggregate.v1.JobService`."""

    def __init__(
        self,
        journal: JournalCalls,
        results: ResultQueries,
        verifications: ResultVerifications,
        reads: AuditedReads,
    ) -> None:
        self._journal = journal
        self._results = results
        self._verifications = verifications
        self._reads = reads

    async def ListJobs(  # noqa: N802
        self, request: job_service_pb2.ListJobsRequest, _: grpc.aio.ServicerContext
    ) -> job_service_pb2.ListJobsResponse:
        return await self._journal.jobs(request)

    async def RunJob(  # noqa: N802
        self, request: job_service_pb2.RunJobRequest, _: grpc.aio.ServicerContext
    ) -> job_service_pb2.RunJobResponse:
        return await self._journal.run(request)

    async def ListJobRuns(  # noqa: N802
        self, request: job_service_pb2.ListJobRunsRequest, _: grpc.aio.ServicerContext
    ) -> job_service_pb2.ListJobRunsResponse:
        return await self._journal.runs(request)

    async def GetJobResult(  # noqa: N802
        self, request: job_service_pb2.GetJobResultRequest, context: grpc.aio.ServicerContext
    ) -> job_service_pb2.GetJobResultResponse:
        return await self._results.get(request, self._note(request.app_id, context))

    async def VerifyJobResults(  # noqa: N802
        self, request: job_service_pb2.VerifyJobResultsRequest, context: grpc.aio.ServicerContext
    ) -> None:
        note = self._note(request.app_id, context)
        await self._verifications.verify(request, context.write, note)

    def _note(self, app_id: str, context: grpc.aio.ServicerContext) -> ReadNote:
        """For numbers of single people."""
        return self._reads.noting(Action.PERSON_NUMBERS_READ, app_id, context)
