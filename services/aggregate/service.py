"""The aggregate servicer: messages in, messages out."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import grpc
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc as pb_grpc

from libs.catalog import Catalogs
from libs.common.clock import Clock
from libs.common.errors import NotFound
from libs.rpc.page_tokens import PageTokens
from services.aggregate import convert
from services.aggregate.behaviour.cohorts import assemble
from services.aggregate.live.watch_hub import WatchHub
from services.aggregate.plan import AppPlan, RollupPlan
from services.aggregate.plans import plan_of
from services.aggregate.ports import ActivityReader, CellReader
from services.aggregate.rollups.sizes import fitting

_SERVICE = f"/{pb.DESCRIPTOR.services_by_name['AggregateService'].full_name}"


class AggregateServicer(pb_grpc.AggregateServiceServicer):
    """Implements `weir.aggregate.v1.AggregateService`."""

    def __init__(
        self,
        catalogs: Catalogs,
        reader: CellReader,
        activity: ActivityReader,
        hub: WatchHub,
        clock: Clock,
    ) -> None:
        self._catalogs = catalogs
        self._reader = reader
        self._activity = activity
        self._hub = hub
        self._cell_pages = PageTokens(f"{_SERVICE}/QueryRollup", clock)
        self._cohort_pages = PageTokens(f"{_SERVICE}/QueryCohortRetention", clock)

    async def QueryRollup(  # noqa: N802
        self, request: pb.QueryRollupRequest, _: grpc.aio.ServicerContext
    ) -> pb.QueryRollupResponse:
        app = self._app(request.app_id)
        plan = self._rollup(app, request.rollup)
        query = convert.cell_query(request, plan)
        after = self._cell_pages.read(request, convert.cell_cursor)
        page = await self._reader.cells(replace(query, after=after), app)
        cells = fitting(convert.stored_cell(plan, cell) for cell in page.cells)
        more = page.more or len(cells) < len(page.cells)
        return pb.QueryRollupResponse(
            cells=cells,
            period=convert.period_number(plan.period),
            next_page_token=self._cell_pages.issue(
                request, convert.cell_place(page.cells[len(cells) - 1].position)
            )
            if more
            else "",
        )

    async def WatchRollups(  # noqa: N802
        self, request: pb.WatchRollupsRequest, _: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.WatchRollupsResponse]:
        while True:
            app = self._app(request.app_id)
            rollups = frozenset(request.rollups) or frozenset(app.rollups)
            for rollup in sorted(rollups):
                self._rollup(app, rollup)
            # It ends when the app's catalog has changed: then all of this is asked again.
            async with aclosing(self._hub.watch(app, rollups)) as messages:
                async for message in messages:
                    yield pb.WatchRollupsResponse.FromString(message)

    async def QueryCohortRetention(  # noqa: N802
        self, request: pb.QueryCohortRetentionRequest, _: grpc.aio.ServicerContext
    ) -> pb.QueryCohortRetentionResponse:
        app = self._app(request.app_id)
        first = self._cohort_pages.read(request, convert.cohort_start)
        query = replace(convert.cohort_query(request), first=first)
        newest, counts = await self._activity.active_counts(app.app_id, query.period)
        if newest is None:
            return pb.QueryCohortRetentionResponse()
        wanted = [count for count in counts if query.wants(count.cohort)]
        cohorts, following = convert.cohort_page(assemble(query.period, newest, wanted))
        return pb.QueryCohortRetentionResponse(
            cohorts=cohorts,
            next_page_token=self._cohort_pages.issue(request, [following.isoformat()])
            if following
            else "",
        )

    def _app(self, app_id: str) -> AppPlan:
        return plan_of(self._catalogs.current, app_id)

    def _rollup(self, app: AppPlan, name: str) -> RollupPlan:
        plan = app.rollups.get(name)
        if plan is None:
            raise NotFound(
                "the app's catalog declares no such rollup",
                reason="ROLLUP_UNKNOWN",
                metadata={"rollup": name},
                known=app.rollups,
            )
        return plan
