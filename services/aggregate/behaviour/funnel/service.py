"""QueryFunnel: how many people went through a sequence of steps."""

from weir.aggregate.v1 import behaviour_pb2 as pb

from libs.common.apps import catalog_of
from services.aggregate.behaviour.convert import reliability, time_interval
from services.aggregate.behaviour.funnel.convert import cut, funnel_query, groups, total
from services.aggregate.behaviour.funnel.postgres import PostgresFunnels
from services.aggregate.behaviour.funnel.suppression import shown_funnel
from services.aggregate.behaviour.model import all_names
from services.aggregate.behaviour.surroundings import Surroundings
from services.aggregate.suppression.convert import least_people, withheld_cut
from services.aggregate.suppression.tables import NO_LIMIT


class FunnelQueries:
    """Answers `weir.aggregate.v1.AggregateService/QueryFunnel`."""

    def __init__(self, surroundings: Surroundings, funnels: PostgresFunnels) -> None:
        self._surroundings = surroundings
        self._funnels = funnels

    async def query(self, request: pb.QueryFunnelRequest) -> pb.QueryFunnelResponse:
        """The funnel. Raises AppUnknown, InvalidArgument, LimitExceeded, DeadlineExceeded, Unavailable."""
        around = self._surroundings
        catalog = catalog_of(around.catalogs.current, request.app_id)
        query = funnel_query(request, catalog, around.clock)
        async with around.turn(exact=request.exact) as turn:
            table, reading = await self._funnels.table(query, turn.limit)
        least = least_people(catalog)
        shown = table if least == NO_LIMIT else shown_funnel(table, least)
        left_out = cut(request, shown) if shown == table else withheld_cut(least)
        return pb.QueryFunnelResponse(
            total=total(request, shown, reading),
            groups=groups(request, shown, reading),
            reliability=reliability(
                around,
                catalog,
                turn.watermark,
                reading,
                query.read_until,
                all_names(query.steps),
                left_out,
            ),
            time=time_interval((query.start, query.end)),
        )
