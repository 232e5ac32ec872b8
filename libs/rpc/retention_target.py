"""`RetentionTargetService`: the same for each service that owns data with a limit, bound beside its own."""

from dataclasses import dataclass

import grpc
from weir.privacy.v1 import retention_target_service_pb2 as pb
from weir.privacy.v1 import retention_target_service_pb2_grpc as pb_grpc

from libs.common.clock import EPOCH
from libs.common.errors import InvalidArgument, Unavailable
from libs.common.expiry import ListLimits, ListOverdue, OverdueData, RetentionLimit
from libs.jobs.ports import JournalUnavailable
from libs.jobs.requested import RequestedJobs
from libs.jobs.runs import JournalEntry
from libs.rpc.server import Binding
from libs.stores.watch import Needs

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["RetentionTargetService"].full_name


@dataclass(frozen=True, slots=True)
class Retention:
    """What a service says of its stores: what is past a limit, the limits, and the jobs that end it."""

    list_overdue: ListOverdue
    list_limits: ListLimits
    jobs: RequestedJobs


def retention_target(retention: Retention, *, needs: Needs) -> Binding:
    """Binds the service to the retention of its stores, which needs these."""
    return Binding(
        SERVICE_NAME,
        RetentionTargetServicer(retention),
        pb_grpc.add_RetentionTargetServiceServicer_to_server,
        needs=needs,
    )


class RetentionTargetServicer(pb_grpc.RetentionTargetServiceServicer):
    """Implements `weir.privacy.v1.RetentionTargetService`."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention

    async def ListOverdue(  # noqa: N802
        self, request: pb.ListOverdueRequest, _: grpc.aio.ServicerContext | None
    ) -> pb.ListOverdueResponse:
        found = await self._retention.list_overdue()
        asked = [each for each in found if request.app_id in ("", each.app_id)]
        asked.sort(key=lambda each: (each.store, each.app_id, each.kind))
        return pb.ListOverdueResponse(overdue=map(_overdue, asked))

    async def ListLimits(  # noqa: N802
        self, request: pb.ListLimitsRequest, _: grpc.aio.ServicerContext | None
    ) -> pb.ListLimitsResponse:
        found = self._retention.list_limits()
        # What holds for all apps holds for this one.
        asked = [
            each for each in found if not request.app_id or each.app_id in ("", request.app_id)
        ]
        asked.sort(key=lambda each: (each.store, each.app_id, each.kind, each.is_named))
        return pb.ListLimitsResponse(limits=map(_limit, asked))

    async def EndOverdue(  # noqa: N802
        self, request: pb.EndOverdueRequest, _: grpc.aio.ServicerContext | None
    ) -> pb.EndOverdueResponse:
        if request.app_id:
            raise InvalidArgument(
                "must be empty: jobs are of all apps", field="app_id", reason="FIELD_INVALID"
            )
        requested_at = request.requested_at.ToDatetime(tzinfo=EPOCH.tzinfo)
        if requested_at <= EPOCH:
            raise InvalidArgument("is required", field="requested_at", reason="FIELD_INVALID")
        try:
            runs, is_done = await self._retention.jobs.advance(requested_at)
        except JournalUnavailable:
            raise Unavailable(
                "the journal of jobs cannot be read", retry_after_seconds=1.0
            ) from None
        return pb.EndOverdueResponse(steps=map(_step, runs), is_done=is_done)


def _overdue(found: OverdueData) -> pb.OverdueData:
    return pb.OverdueData(
        store=found.store,
        app_id=found.app_id,
        kind=found.kind,
        action=_action(is_named=found.is_named),
        limit_days=found.days,
        rows=found.rows,
        oldest=found.oldest,
        kept_because=found.kept_because,
    )


def _limit(limit: RetentionLimit) -> pb.RetentionLimit:
    return pb.RetentionLimit(
        store=limit.store,
        app_id=limit.app_id,
        kind=limit.kind,
        action=_action(is_named=limit.is_named),
        limit_days=limit.days or 0,
        set_by=limit.set_by,
        job=limit.job,
    )


def _step(run: JournalEntry) -> pb.RetentionStep:
    error = ": ".join(filter(None, (run.error_type, run.error_message)))
    return pb.RetentionStep(job=run.job, outcome=run.outcome, counts=run.counts, error=error)


def _action(*, is_named: bool) -> pb.RetentionAction:
    return pb.RETENTION_ACTION_ANONYMIZE if is_named else pb.RETENTION_ACTION_REMOVE
