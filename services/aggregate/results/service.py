"""GetJobResult: what a job wrote down of a period, page by page."""

from weir.aggregate.v1 import job_service_pb2 as pb

from libs.catalog import Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.errors import PageTokenInvalid
from libs.common.structs import contains_nul
from libs.rpc.answer_sizes import fitting
from libs.rpc.audited_reads import ReadNote
from libs.rpc.page_tokens import PageTokens, page_size
from libs.rpc.permissions import Permission
from libs.rpc.principal import check_permission
from services.aggregate.convert import utc_field
from services.aggregate.journal.convert import SERVICE_NAME
from services.aggregate.plan_lookup import not_declared, plan_of
from services.aggregate.results.convert import (
    PageCursor,
    cell,
    page_cursor,
    response,
    result_unknown,
)
from services.aggregate.results.model import (
    is_personal,
    name_in_catalog,
    result_jobs,
    results_kept_from,
)
from services.aggregate.results.postgres import PostgresResultReader
from services.aggregate.results.shown.postgres import ShownResults
from services.aggregate.rollups.convert import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from services.aggregate.suppression.convert import least_people, withheld_cut
from services.aggregate.suppression.tables import NO_LIMIT


class ResultQueries:
    """Answers `weir.aggregate.v1.JobService/GetJobResult`."""

    def __init__(
        self, catalogs: Catalogs, reader: PostgresResultReader, shown: ShownResults, clock: Clock
    ) -> None:
        self._catalogs = catalogs
        self._reader = reader
        self._shown = shown
        self._clock = clock
        self._pages = PageTokens(f"/{SERVICE_NAME}/GetJobResult", clock)

    async def get(self, request: pb.GetJobResultRequest, note: ReadNote) -> pb.GetJobResultResponse:
        """One page, which is put on record with `note` if it is about single people. Raises AppUnknown,
        NotFound, InvalidArgument, PermissionDenied."""
        snapshot = self._catalogs.current
        catalog = catalog_of(snapshot, request.app_id)
        limit = page_size(request.page_size, default=DEFAULT_PAGE_SIZE, maximum=MAX_PAGE_SIZE)
        time = utc_field(request, "period")
        cursor = self._pages.read(request, page_cursor)
        jobs = {job.name: job for job in snapshot.derived(request.app_id, result_jobs)}
        name = name_in_catalog(request.app_id, request.job)
        if contains_nul(name):
            raise not_declared("job", name, jobs)
        job = jobs.get(name)
        kept_from = results_kept_from(catalog, job, moment_of(self._clock.now_us()))
        page = await self._reader.page(
            (request.app_id, name),
            job,
            cursor.start if cursor else time,
            cursor.place if cursor else None,
            limit,
            kept_from,
        )
        if page is None:
            newest = await self._reader.newest((request.app_id, name), kept_from)
            # One that is gone from the catalog may still have results.
            if job is None and not newest:
                raise not_declared("job", name, jobs)
            raise result_unknown(name, newest)
        app = plan_of(snapshot, request.app_id)
        is_of_people = page.is_personal or any(is_personal(app, one) for one in page.cells)
        if is_of_people:
            check_permission(Permission.READ_PERSONAL_NUMBERS)
        if cursor and cursor.revision != page.result.revision:
            raise PageTokenInvalid("the result has been written again: begin again")
        message = response(page)
        least = least_people(catalog)
        shown = page.cells
        start = page.result.period.start
        if least != NO_LIMIT:
            shown = await self._shown.of(
                (request.app_id, name), catalog, app, page.result.period, page.cells, least
            )
            if shown != page.cells:
                message.reliability.cut.CopyFrom(withheld_cut(least))
        cells = fitting(map(cell, shown))
        message.cells.extend(cells)
        if len(cells) < len(shown) or page.more:
            last = shown[len(cells) - 1] if len(cells) < len(shown) else page.cells[-1]
            place = PageCursor(start, page.result.revision, last.place)
            message.next_page_token = self._pages.issue(request, place.values())
        if is_of_people:
            await note({"job": name})
        return message
