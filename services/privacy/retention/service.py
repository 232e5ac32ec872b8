"""RetentionService, and the services that it asks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import grpc
from weir.privacy.v1 import retention_service_pb2 as pb
from weir.privacy.v1 import retention_service_pb2_grpc, retention_target_service_pb2_grpc
from weir.privacy.v1 import retention_target_service_pb2 as target_pb

from libs.audit import Action, Auditor
from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.errors import Unavailable, WeirError
from libs.rpc.caller import caller_of
from libs.rpc.page_tokens import PageTokens, page_size
from libs.rpc.peers import Peers
from libs.rpc.retention_target import Retention, RetentionTargetServicer
from services.privacy.retention.convert import (
    SERVICE_NAME,
    check_no_app,
    request_id_of,
    run_cursor,
    run_message,
    run_values,
    steps_of,
)
from services.privacy.retention.driving import RunDriver, TargetAway
from services.privacy.retention.model import SERVICES, RetentionRun, Step
from services.privacy.retention.postgres import PostgresRetentionRuns

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1_000


class OwnCalls:
    """Privacy's own stores, asked without a call."""

    def __init__(self, servicer: RetentionTargetServicer) -> None:
        self._servicer = servicer

    async def ListOverdue(self, request: Any) -> Any:  # noqa: N802
        return await self._servicer.ListOverdue(request, None)

    async def ListLimits(self, request: Any) -> Any:  # noqa: N802
        return await self._servicer.ListLimits(request, None)

    async def EndOverdue(self, request: Any) -> Any:  # noqa: N802
        return await self._servicer.EndOverdue(request, None)


class RetentionTargets:
    """The RetentionTargetService of each service: `calls` are its methods, by service."""

    def __init__(self, calls: Mapping[str, Any]) -> None:
        self._calls = calls

    async def overdue(self, app_id: str) -> list[target_pb.OverdueData]:
        """What is past its limit, of all services. Raises TargetAway."""
        request = target_pb.ListOverdueRequest(app_id=app_id)
        answers = [await self._ask(each, "ListOverdue", request) for each in self._calls]
        return [found for answer in answers for found in answer.overdue]

    async def limits(self, app_id: str) -> list[target_pb.RetentionLimit]:
        """The limits of all services. Raises TargetAway."""
        request = target_pb.ListLimitsRequest(app_id=app_id)
        answers = [await self._ask(each, "ListLimits", request) for each in self._calls]
        return [found for answer in answers for found in answer.limits]

    async def end_overdue(self, service: str, requested_at: datetime) -> tuple[list[Step], bool]:
        """See `driving.Targets`."""
        request = target_pb.EndOverdueRequest(requested_at=requested_at)
        answer = await self._ask(service, "EndOverdue", request)
        return steps_of(answer.steps), answer.is_done

    async def _ask(self, service: str, method: str, request: object) -> Any:
        try:
            return await getattr(self._calls[service], method)(request)
        except grpc.aio.AioRpcError as error:
            raise TargetAway(f"{service} does not answer: {error.code().name}") from error
        except WeirError as error:
            raise TargetAway(f"{service} does not answer: {error.code}") from error


def retention_targets(peers: Peers, own: Retention) -> RetentionTargets:
    """All services, privacy's own stores with them."""
    calls: dict[str, Any] = {
        service: peers.calls(service, retention_target_service_pb2_grpc.RetentionTargetServiceStub)
        for service in SERVICES
    }
    calls["privacy"] = OwnCalls(RetentionTargetServicer(own))
    return RetentionTargets(calls)


class RetentionServicer(retention_service_pb2_grpc.RetentionServiceServicer):
    """`weir.privacy.v1.RetentionService`."""

    def __init__(
        self,
        catalogs: Catalogs,
        targets: RetentionTargets,
        runs: PostgresRetentionRuns,
        driver: RunDriver,
        auditor: Auditor,
        clock: Clock,
    ) -> None:
        self._catalogs = catalogs
        self._targets = targets
        self._runs = runs
        self._driver = driver
        self._auditor = auditor
        self._clock = clock
        self._pages = PageTokens(f"/{SERVICE_NAME}/ListRuns", clock)

    async def ListPolicies(  # noqa: N802
        self, request: pb.ListPoliciesRequest, _: grpc.aio.ServicerContext
    ) -> pb.ListPoliciesResponse:
        self._check_app(request.app_id)
        try:
            return pb.ListPoliciesResponse(limits=await self._targets.limits(request.app_id))
        except TargetAway as error:
            raise _unavailable(error) from error

    async def PreviewRun(  # noqa: N802
        self, request: pb.PreviewRunRequest, _: grpc.aio.ServicerContext
    ) -> pb.PreviewRunResponse:
        self._check_app(request.app_id)
        try:
            return pb.PreviewRunResponse(overdue=await self._targets.overdue(request.app_id))
        except TargetAway as error:
            raise _unavailable(error) from error

    async def Run(  # noqa: N802
        self, request: pb.RunRequest, context: grpc.aio.ServicerContext
    ) -> pb.RunResponse:
        check_no_app(request.app_id)
        caller = caller_of(context)
        now = moment_of(self._clock.now_us())
        run = RetentionRun(request_id_of(request), caller.actor, now)
        entries = [
            self._auditor.entry(
                Action.RETENTION_RUN, app_id, caller, details={"run": str(run.request_id)}
            )
            for app_id in self._catalogs.current.catalogs
        ]
        found = await self._runs.add(run, entries)
        if found.finished_at is None:
            self._driver.wake()
        return pb.RunResponse(run=run_message(found))

    async def ListRuns(  # noqa: N802
        self, request: pb.ListRunsRequest, _: grpc.aio.ServicerContext
    ) -> pb.ListRunsResponse:
        check_no_app(request.app_id)
        size = page_size(request.page_size, default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)
        after = self._pages.read(request, run_cursor)
        found = await self._runs.list(after, size + 1)
        following = (
            self._pages.issue(request, run_values(found[size - 1])) if len(found) > size else ""
        )
        return pb.ListRunsResponse(runs=map(run_message, found[:size]), next_page_token=following)

    def _check_app(self, app_id: str) -> None:
        """Raises AppUnknown."""
        if app_id:
            catalog_of(self._catalogs.current, app_id)


def _unavailable(error: TargetAway) -> Unavailable:
    return Unavailable(str(error), retry_after_seconds=1.0)
