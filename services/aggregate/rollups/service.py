"""QueryRollup: the cells of one rollup, page by page."""

from dataclasses import replace

from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.clock import Clock
from libs.rpc.page_tokens import PageTokens
from services.aggregate.answer_sizes import fitting
from services.aggregate.convert import SERVICE_NAME, period_number
from services.aggregate.plan_lookup import plan_of, rollup_of
from services.aggregate.ports import CellReader
from services.aggregate.rollups.convert import (
    cell_cursor,
    cell_query,
    cursor_values,
    stored_cell,
)


class RollupQueries:
    """Answers `weir.aggregate.v1.AggregateService/QueryRollup`."""

    def __init__(self, catalogs: Catalogs, reader: CellReader, clock: Clock) -> None:
        self._catalogs = catalogs
        self._reader = reader
        self._pages = PageTokens(f"/{SERVICE_NAME}/QueryRollup", clock)

    async def query(self, request: pb.QueryRollupRequest) -> pb.QueryRollupResponse:
        """One page. Raises AppUnknown, NotFound, InvalidArgument."""
        app = plan_of(self._catalogs.current, request.app_id)
        plan = rollup_of(app, request.rollup)
        query = cell_query(request, plan)
        page = await self._reader.cells(
            replace(query, after=self._pages.read(request, cell_cursor)), app
        )
        cells = fitting(stored_cell(plan, cell) for cell in page.cells)
        token = ""
        if page.more or len(cells) < len(page.cells):
            token = self._pages.issue(request, cursor_values(page.cells[len(cells) - 1].cursor))
        return pb.QueryRollupResponse(
            cells=cells, period=period_number(plan.period), next_page_token=token
        )
