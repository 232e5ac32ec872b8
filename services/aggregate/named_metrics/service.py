"""GetMetric: the values of a metric, page by page."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine
from weir.aggregate.v1 import metric_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from libs.catalog import Catalog, Catalogs
from libs.common.apps import catalog_of
from libs.common.clock import Clock, moment_of
from libs.common.pseudonym import Pseudonymizer
from libs.events.access import of_subject
from libs.events.postgres import snapshot_connection
from libs.rpc.answer_sizes import fitting
from libs.rpc.page_tokens import PageTokens, page_size
from libs.rpc.permissions import Permission
from libs.rpc.principal import check_permission
from services.aggregate.convert import SERVICE_NAME, reliability_message
from services.aggregate.dirty.postgres import PostgresDirtyBuckets
from services.aggregate.named_metrics.confidence import valued
from services.aggregate.named_metrics.convert import (
    MAX_PERIODS,
    asked_filters,
    asked_spans,
    check_subject,
    metric_of,
    read_cursor,
    value_message,
)
from services.aggregate.named_metrics.dirty import (
    DirtyBuckets,
    first_read,
    is_dirty,
    read_terms,
)
from services.aggregate.named_metrics.model import (
    NO_DIMENSIONS,
    MetricPage,
    MetricQuery,
    Place,
    Span,
)
from services.aggregate.named_metrics.people.postgres import OnePerson, PersonalMetrics
from services.aggregate.named_metrics.postgres import RollupMetrics
from services.aggregate.named_metrics.sampling import sampling_rate
from services.aggregate.named_metrics.shown.postgres import MetricJudge, shown_page
from services.aggregate.named_metrics.spans import periods_in
from services.aggregate.plan_lookup import plan_of
from services.aggregate.postgres import is_replica, one_state
from services.aggregate.read_slots import ReadSlots
from services.aggregate.restrictions.reads import Restrictions
from services.aggregate.rollups.completeness import final_until
from services.aggregate.rollups.convert import expired_cut
from services.aggregate.suppression.convert import least_people, withheld_cut
from services.aggregate.suppression.tables import NO_LIMIT

_DEFAULT_PAGE_SIZE = 100
_MAX_PAGE_SIZE = 1_000


class MetricQueries:
    """Answers `weir.aggregate.v1.AggregateService/GetMetric`."""

    def __init__(
        self,
        catalogs: Catalogs,
        engine: AsyncEngine,
        dirty: PostgresDirtyBuckets,
        slots: ReadSlots,
        pseudonymizer: Pseudonymizer,
        clock: Clock,
        watermark: Callable[[], datetime | None],
        restrictions: Restrictions,
    ) -> None:
        """`engine` may lead to a replica. `watermark`: see
        `libs.streams.watermark.WatermarkMeter.current`."""
        self._catalogs = catalogs
        self._engine = engine
        self._dirty = dirty
        self._slots = slots
        self._pseudonymizer = pseudonymizer
        self._clock = clock
        self._watermark = watermark
        self._restrictions = restrictions
        self._pages = PageTokens(f"/{SERVICE_NAME}/GetMetric", clock)

    async def get(self, request: pb.GetMetricRequest) -> pb.GetMetricResponse:
        """One page. Raises AppUnknown, NotFound, InvalidArgument, PermissionDenied,
        FailedPrecondition, LimitExceeded, Unavailable."""
        if request.subject_id:
            check_permission(Permission.READ_PERSONAL_NUMBERS)
        snapshot = self._catalogs.current
        catalog = catalog_of(snapshot, request.app_id)
        metric = metric_of(catalog, request.metric)
        check_subject(request, metric)
        if request.subject_id:
            await self._restrictions.check(request.app_id, request.subject_id)
        limit = page_size(request.page_size, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE)
        spans = asked_spans(request, metric, self._clock)
        after: Place = (0, "")
        cursor = self._pages.read(request, read_cursor)
        if cursor is not None:
            # With the moments of the first page: those of "the last 30 days" have moved.
            (start, end), after = cursor
            spans = periods_in(metric.period, start, end, MAX_PERIODS)
            if request.total:
                spans = [Span(start, end)]
        query = MetricQuery(
            plan_of(snapshot, request.app_id),
            metric,
            spans,
            asked_filters(request, metric, catalog),
            after,
            limit,
        )
        # Numbers of single people take a permission, after which nothing is withheld.
        least = NO_LIMIT if metric.is_personal else least_people(catalog)
        # Before the numbers are read: what it promises is in them.
        watermark = self._watermark()
        async with self._slots.hold():
            dirty = await self._dirty_buckets(query)
            page, withheld, of_replica = await self._page(query, request.subject_id, catalog, least)
        if of_replica:
            watermark = None
        final = final_until(watermark, timedelta(seconds=catalog.clock.lateness_seconds))
        provisional = [span for span in spans if is_dirty(metric, span, dirty)]
        values = fitting(
            value_message(
                value, is_final=final.covers(value.span.end) and value.span not in provisional
            )
            for value in page.values
        )
        following = page.following
        if len(values) < len(page.values):
            following = page.values[len(values) - 1].place
        token = ""
        if following is not None:
            frame = spans[0].start.isoformat(), spans[-1].end.isoformat()
            token = self._pages.issue(request, [*frame, *following])
        now = moment_of(self._clock.now_us())
        return pb.GetMetricResponse(
            values=values,
            next_page_token=token,
            # Of all values that were asked for, on whatever page they are.
            reliability=reliability_message(
                is_final=bool(spans) and not provisional and final.covers(spans[-1].end),
                watermark=watermark,
                calculated_at=now,
                cut=withheld_cut(least) if withheld else _cut(query, now),
            ),
            sampling_rate=sampling_rate(catalog, metric),
        )

    async def _dirty_buckets(self, query: MetricQuery) -> DirtyBuckets:
        if not query.spans:
            return {}
        app_id, end = query.app.app_id, query.spans[-1].end
        rollups = {term.rollup for term in read_terms(query.metric)}
        return {name: await self._dirty.of_rollup(app_id, name, None, end) for name in rollups}

    async def _page(
        self, query: MetricQuery, subject_id: str, catalog: Catalog, least: int
    ) -> tuple[MetricPage, bool, bool]:
        """The page, whether values are withheld of it, and whether a replica gave it."""
        if not query.spans:
            return MetricPage([], None), False, False
        if query.metric.is_personal:
            page, of_replica = await self._personal_page(query, subject_id)
            return page, False, of_replica
        async with one_state(self._engine) as connection:
            metrics = RollupMetrics(connection, moment_of(self._clock.now_us()))
            page = await metrics.page(query)
            shown = page
            if least != NO_LIMIT:
                judge = MetricJudge(query.app, query.metric, least)
                await judge.read(connection, catalog, (value.span for value in page.values))
                shown = shown_page(page, judge)
            return shown, shown != page, await is_replica(connection)

    async def _personal_page(self, query: MetricQuery, subject_id: str) -> tuple[MetricPage, bool]:
        app_id = query.app.app_id
        person = OnePerson(
            of_subject(self._pseudonymizer, app_id, subject_id),
            self._pseudonymizer.all_epochs(app_id, subject_id),
        )
        end = min(query.after[0] + query.limit, len(query.spans))
        values = []
        async with snapshot_connection(self._engine) as connection:
            metrics = PersonalMetrics(connection, query.app, person)
            for place in range(query.after[0], end):
                [answer] = (await metrics.answers(query.metric, query.spans[place])).values()
                values.append(valued(query, (place, NO_DIMENSIONS), answer))
            of_replica = await is_replica(connection)
        return MetricPage(values, (end, "") if end < len(query.spans) else None), of_replica


def _cut(query: MetricQuery, now: datetime) -> reliability_pb2.Cut | None:
    """What the answer says if the values read buckets that have expired."""
    if not query.spans:
        return None
    first = first_read(query.metric, query.spans[0])
    names = sorted({term.rollup for term in read_terms(query.metric)})
    cuts = (expired_cut(query.app.rollups[name], first, now) for name in names)
    return next((cut for cut in cuts if cut is not None), None)
