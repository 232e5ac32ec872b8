"""Finds the people behind a funnel's drop-off or a cohort's cell; ListEvents lists their events."""

from datetime import datetime

from weir.aggregate.v1 import behaviour_pb2, event_query_pb2

from libs.catalog import Catalog, Period
from libs.common.errors import InvalidArgument
from services.aggregate.behaviour.cohorts.convert import cohorts_query
from services.aggregate.behaviour.cohorts.postgres import PostgresCohorts
from services.aggregate.behaviour.cohorts.table import end_of
from services.aggregate.behaviour.funnel.convert import funnel_query
from services.aggregate.behaviour.funnel.postgres import PostgresFunnels
from services.aggregate.behaviour.people.convert import of_app, value_text
from services.aggregate.behaviour.people.model import People
from services.aggregate.behaviour.surroundings import Surroundings
from services.aggregate.buckets import bucket_start, moment, seconds_since_epoch
from services.aggregate.convert import utc_field
from services.aggregate.events.convert import frame_of


class PeopleBehind:
    """Answers whose events are behind a number."""

    def __init__(
        self,
        surroundings: Surroundings,
        funnels: PostgresFunnels,
        cohorts: PostgresCohorts,
    ) -> None:
        self._surroundings = surroundings
        self._funnels = funnels
        self._cohorts = cohorts

    async def stopped(
        self, app_id: str, asked: event_query_pb2.FunnelDropOff, catalog: Catalog
    ) -> People:
        """Those who reached the step before the one that is named, and no further. Raises InvalidArgument,
        and what QueryFunnel raises."""
        field = "of.drop_off.funnel"
        request = behaviour_pb2.QueryFunnelRequest()
        request.CopyFrom(asked.funnel)
        request.app_id = of_app(app_id, request.app_id, f"{field}.app_id")
        request.breakdown = ""
        query = funnel_query(request, catalog, self._surroundings.clock)
        if not 2 <= asked.step <= len(query.steps):
            raise InvalidArgument("must be 2 to the number of steps", field="of.drop_off.step")
        async with self._surroundings.turn(exact=request.exact) as turn:
            return await self._funnels.stopped(query, asked.step - 1, turn.limit)

    async def in_cohort(
        self, app_id: str, asked: event_query_pb2.CohortCell, catalog: Catalog
    ) -> People:
        """Those of a cohort who were active in a period of theirs. Raises InvalidArgument, and what
        QueryCohorts raises."""
        field = "of.cohort"
        request = behaviour_pb2.QueryCohortsRequest()
        request.CopyFrom(asked.cohorts)
        request.app_id = of_app(app_id, request.app_id, f"{field}.cohorts.app_id")
        if request.days:
            raise InvalidArgument("cannot be listed", field=f"{field}.cohorts.days")
        start = utc_field(asked, "start", f"{field}.start")
        if start is None:
            raise InvalidArgument("is required", field=f"{field}.start")
        query = cohorts_query(request, catalog, frame_of(request, self._surroundings.clock))
        first = moment(bucket_start(query.period, seconds_since_epoch(start)))
        begin, end = _period_after(query.period, first, asked.offset)
        async with self._surroundings.turn(exact=request.exact) as turn:
            people = await self._cohorts.people(
                query, first, begin, value_text(asked.value), turn.limit
            )
        return People(people.people, begin, end, people.one_in, people.is_cut)


def _period_after(period: Period, first: datetime, offset: int) -> tuple[datetime, datetime]:
    """The period so many after the one that begins at `first`. Raises InvalidArgument past 400."""
    if offset > 400:
        raise InvalidArgument("must be at most 400", field="of.cohort.offset")
    begin = first
    for _ in range(offset):
        begin = end_of(period, begin)
    return begin, end_of(period, begin)
