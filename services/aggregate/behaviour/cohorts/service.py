"""QueryCohorts and QueryCohortRetention: how many of each cohort came back, page by page."""

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta

from weir.aggregate.v1 import aggregate_service_pb2 as service_pb
from weir.aggregate.v1 import behaviour_pb2 as pb

from libs.common.apps import catalog_of
from libs.common.clock import moment_of
from libs.rpc.answer_sizes import fitting
from libs.rpc.page_tokens import PageTokens
from services.aggregate.behaviour.cohorts.convert import (
    cohort_message,
    cohorts_query,
    page_cursor,
    read_names,
    read_page_cursor,
    relied_on,
    retention_page,
    retention_query,
)
from services.aggregate.behaviour.cohorts.model import CohortsQuery
from services.aggregate.behaviour.cohorts.postgres import PostgresCohorts
from services.aggregate.behaviour.cohorts.suppression import ShownCohorts, shown_cohorts
from services.aggregate.behaviour.cohorts.table import cohorts_of, place_of
from services.aggregate.behaviour.convert import reliability
from services.aggregate.behaviour.surroundings import Surroundings
from services.aggregate.convert import SERVICE_NAME, zoned_time
from services.aggregate.dirty.postgres import PostgresDirtyBuckets
from services.aggregate.events.convert import frame_of
from services.aggregate.rollups.completeness import final_until
from services.aggregate.suppression.convert import least_people, withheld_cut
from services.aggregate.suppression.tables import NO_LIMIT


class CohortQueries:
    """Answers `weir.aggregate.v1.AggregateService/QueryCohorts` and `QueryCohortRetention`."""

    def __init__(
        self,
        surroundings: Surroundings,
        cohorts: PostgresCohorts,
        dirty: PostgresDirtyBuckets,
    ) -> None:
        self._surroundings = surroundings
        self._cohorts = cohorts
        self._dirty = dirty
        clock = surroundings.clock
        self._pages = PageTokens(f"/{SERVICE_NAME}/QueryCohorts", clock)
        self._retention_pages = PageTokens(f"/{SERVICE_NAME}/QueryCohortRetention", clock)

    async def query(self, request: pb.QueryCohortsRequest) -> pb.QueryCohortsResponse:
        """One page. Raises AppUnknown, InvalidArgument, LimitExceeded, DeadlineExceeded, Unavailable."""
        around = self._surroundings
        catalog = catalog_of(around.catalogs.current, request.app_id)
        asked = frame_of(request, around.clock)
        frame, one_in, after = self._pages.read(request, read_page_cursor) or (asked, None, None)
        query = cohorts_query(request, catalog, frame)
        async with around.turn(exact=request.exact) as turn:
            # Before the members are read: a bucket may be recounted meanwhile.
            dirty = await self._dirty_days(query)
            rows, newest, reading = await self._cohorts.rows(query, turn.limit, one_in)
        now = moment_of(around.clock.now_us())
        found = await asyncio.to_thread(cohorts_of, query, rows, newest, now)
        least = least_people(catalog)
        shown = ShownCohorts(found, {})
        if least != NO_LIMIT:
            shown = await asyncio.to_thread(shown_cohorts, query, found, least)
        is_cut = len(shown.cohorts) < len(found) or any(shown.hidden_offsets.values())
        found = list(shown.cohorts)
        if after is not None:
            found = [cohort for cohort in found if place_of(cohort) > after]
        final = final_until(
            None if reading.is_replica else turn.watermark,
            timedelta(seconds=catalog.clock.lateness_seconds),
        ).but_after(dirty)
        messages = await asyncio.to_thread(
            fitting,
            (
                cohort_message(
                    query,
                    cohort,
                    reading.one_in,
                    final,
                    shown.hidden_offsets.get(cohort.start, ()),
                )
                for cohort in found
            ),
        )
        token = ""
        if len(messages) < len(found):
            token = self._pages.issue(
                request, page_cursor(frame, reading.one_in, found[len(messages) - 1])
            )
        return pb.QueryCohortsResponse(
            cohorts=messages,
            next_page_token=token,
            reliability=reliability(
                around,
                catalog,
                turn.watermark,
                reading,
                relied_on(query),
                read_names(query, catalog),
                withheld_cut(least) if is_cut else None,
                dirty,
            ),
        )

    async def _dirty_days(self, query: CohortsQuery) -> Collection[datetime]:
        """The dirty days of the members that the query reads."""
        if query.active is not None and query.entry is not None:
            return ()
        # Of all time: who was active before is not new.
        start = None if query.entry is None else query.first
        return await self._dirty.of_rollup(query.app_id, "activity", start, None)

    async def retention(
        self, request: service_pb.QueryCohortRetentionRequest
    ) -> service_pb.QueryCohortRetentionResponse:
        """One page. Raises as `query` does."""
        catalog = catalog_of(self._surroundings.catalogs.current, request.app_id)
        after = self._retention_pages.read(request, zoned_time)
        query = retention_query(request)
        async with self._surroundings.turn(exact=True) as turn:
            rows, newest, _ = await self._cohorts.rows(query, turn.limit)
        now = moment_of(self._surroundings.clock.now_us())
        found = await asyncio.to_thread(cohorts_of, query, rows, newest, now)
        least = least_people(catalog)
        if least != NO_LIMIT:
            shown = await asyncio.to_thread(shown_cohorts, query, found, least)
            # An answer has a number for each period, so a cohort is there as a whole or not at all.
            found = [one for one in shown.cohorts if not shown.hidden_offsets.get(one.start)]
        if after is not None:
            found = [cohort for cohort in found if cohort.start >= after]
        cohorts, following = await asyncio.to_thread(retention_page, query, found)
        token = ""
        if following is not None:
            token = self._retention_pages.issue(request, [following.isoformat()])
        return service_pb.QueryCohortRetentionResponse(cohorts=cohorts, next_page_token=token)
