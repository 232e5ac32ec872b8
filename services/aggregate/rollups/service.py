"""QueryRollup: the cells of one rollup, page by page."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.rpc.answer_sizes import fitting
from libs.rpc.audited_reads import ReadNote
from libs.rpc.page_tokens import PageTokens
from libs.rpc.permissions import Permission
from libs.rpc.principal import check_permission
from services.aggregate.convert import SERVICE_NAME, period_number
from services.aggregate.dirty.postgres import PostgresDirtyBuckets
from services.aggregate.expiry.kept import kept_from, latest
from services.aggregate.plan_lookup import plan_of, rollup_of
from services.aggregate.ports import CellReader
from services.aggregate.rollups.completeness import final_until
from services.aggregate.rollups.convert import (
    cell_cursor,
    cell_query,
    cursor_values,
    expired_cut,
    labels,
    reliability,
    stored_cell,
)
from services.aggregate.suppression.convert import least_people, withheld_cut
from services.aggregate.suppression.postgres import ShownCells
from services.aggregate.suppression.tables import NO_LIMIT
from services.aggregate.suppression.values import is_of_few


class RollupQueries:
    """Answers `weir.aggregate.v1.AggregateService/QueryRollup`."""

    def __init__(
        self,
        catalogs: Catalogs,
        reader: CellReader,
        clock: Clock,
        watermark: Callable[[], datetime | None],
        dirty: PostgresDirtyBuckets,
        shown: ShownCells,
    ) -> None:
        """`watermark`: see `libs.streams.watermark.WatermarkMeter.current`."""
        self._catalogs = catalogs
        self._reader = reader
        self._clock = clock
        self._watermark = watermark
        self._dirty = dirty
        self._shown = shown
        self._pages = PageTokens(f"/{SERVICE_NAME}/QueryRollup", clock)

    async def query(self, request: pb.QueryRollupRequest, note: ReadNote) -> pb.QueryRollupResponse:
        """One page, which is put on record with `note` if it is about single people. Raises AppUnknown,
        NotFound, InvalidArgument, PermissionDenied."""
        snapshot = self._catalogs.current
        app = plan_of(snapshot, request.app_id)
        plan = rollup_of(app, request.rollup)
        if plan.is_personal:
            check_permission(Permission.READ_PERSONAL_NUMBERS)
        query = cell_query(request, plan)
        now = moment_of(self._clock.now_us())
        cut = expired_cut(plan, query.start, now)
        # Some that have expired may be stored still.
        kept = kept_from(plan.period, plan.retention_days, now)
        query = replace(query, start=latest(query.start, kept))
        # These before the cells are read: what they promise is in them.
        watermark = self._watermark()
        catalog = catalog_of(snapshot, request.app_id)
        clock = catalog.clock
        final = final_until(watermark, timedelta(seconds=clock.lateness_seconds))
        dirty = await self._dirty.of_rollup(query.app_id, plan.name, query.start, query.end)
        page = await self._reader.cells(
            replace(query, after=self._pages.read(request, cell_cursor)), app
        )
        least = least_people(catalog)
        # After the cells: what was counted meanwhile is in both.
        ids = await self._shown.of(
            catalog, plan, [cell.cursor.bucket for cell in page.cells], least
        )
        shown = [
            cell
            for cell in page.cells
            if ids is None
            or (
                bytes.fromhex(cell.cursor.cell_id) in ids
                # It may have become one of enough people since it was read.
                and not is_of_few(plan, cell.measures, least)
            )
        ]
        if ids is None:
            least = NO_LIMIT
        if len(shown) < len(page.cells):
            cut = withheld_cut(least)
        cells = fitting(stored_cell(plan, cell, final, dirty, least) for cell in shown)
        token = ""
        if len(cells) < len(shown):
            token = self._pages.issue(request, cursor_values(shown[len(cells) - 1].cursor))
        elif page.more:
            token = self._pages.issue(request, cursor_values(page.cells[-1].cursor))
        if plan.is_personal:
            await note({"rollup": plan.name})
        return pb.QueryRollupResponse(
            cells=cells,
            period=period_number(plan.period),
            next_page_token=token,
            labels=labels(catalog, plan),
            reliability=reliability(
                plan,
                query,
                final,
                watermark,
                now,
                is_dirty=bool(dirty),
                cut=cut,
            ),
        )
