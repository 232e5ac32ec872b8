"""The aggregate servicer: messages in, messages out."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

import grpc
from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.aggregate.v1 import aggregate_service_pb2_grpc as pb_grpc

from libs.common.errors import AppUnknown, NotFound
from services.aggregate import convert
from services.aggregate.behaviour.cohorts import assemble
from services.aggregate.live.watch_hub import WatchHub
from services.aggregate.plan import AppPlan, RollupPlan
from services.aggregate.ports import CellReader
from services.aggregate.rollups.paging import encode_token
from services.aggregate.rollups.sizes import fitting


class AggregateServicer(pb_grpc.AggregateServiceServicer):
    """Implements `weir.aggregate.v1.AggregateService`."""

    def __init__(self, plans: Mapping[str, AppPlan], reader: CellReader, hub: WatchHub) -> None:
        self._plans = plans
        self._reader = reader
        self._hub = hub

    async def QueryRollup(  # noqa: N802
        self, request: pb.QueryRollupRequest, _: grpc.aio.ServicerContext
    ) -> pb.QueryRollupResponse:
        plan = self._rollup(self._app(request.app_id), request.rollup)
        query = convert.cell_query(request, plan)
        page = await self._reader.cells(query)
        cells = fitting(convert.stored_cell(plan, cell) for cell in page.cells)
        more = page.more or len(cells) < len(page.cells)
        return pb.QueryRollupResponse(
            cells=cells,
            period=convert.period_number(plan.period),
            next_page_token=encode_token(query, page.cells[len(cells) - 1].position)
            if more
            else "",
        )

    async def WatchRollups(  # noqa: N802
        self, request: pb.WatchRollupsRequest, _: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.WatchRollupsResponse]:
        app = self._app(request.app_id)
        rollups = frozenset(request.rollups) or frozenset(app.rollups)
        for rollup in sorted(rollups):
            self._rollup(app, rollup)
        async with aclosing(self._hub.watch(app.app_id, rollups)) as messages:
            async for message in messages:
                yield pb.WatchRollupsResponse.FromString(message)

    async def QueryCohortRetention(  # noqa: N802
        self, request: pb.QueryCohortRetentionRequest, _: grpc.aio.ServicerContext
    ) -> pb.QueryCohortRetentionResponse:
        app = self._app(request.app_id)
        query = convert.cohort_query(request)
        newest, counts = await self._reader.active_counts(app.app_id, query.period)
        if newest is None:
            return pb.QueryCohortRetentionResponse()
        wanted = [count for count in counts if query.wants(count.cohort)]
        return convert.retention_page(query, assemble(query.period, newest, wanted))

    def _app(self, app_id: str) -> AppPlan:
        plan = self._plans.get(app_id)
        if plan is None:
            raise AppUnknown(app_id)
        return plan

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
