"""QueryFunnel: how many people went through a sequence of steps."""

from weir.aggregate.v1 import behaviour_pb2 as pb

from libs.common.apps import catalog_of
from services.aggregate.behaviour.convert import Surroundings, reliability, time_interval
from services.aggregate.behaviour.funnel.convert import cut, funnel_query, groups, total
from services.aggregate.behaviour.funnel.postgres import PostgresFunnels
from services.aggregate.behaviour.model import all_names
from services.aggregate.read_slots import ReadSlots


class FunnelQueries:
    """Answers `weir.aggregate.v1.AggregateService/QueryFunnel`."""

    def __init__(
        self,
        surroundings: Surroundings,
        funnels: PostgresFunnels,
        slots: ReadSlots,
        max_events: int,
    ) -> None:
        self._surroundings = surroundings
        self._funnels = funnels
        self._slots = slots
        self._max_events = max_events

    async def query(self, request: pb.QueryFunnelRequest) -> pb.QueryFunnelResponse:
        """The funnel. Raises AppUnknown, InvalidArgument, LimitExceeded, DeadlineExceeded, Unavailable."""
        around = self._surroundings
        catalog = catalog_of(around.catalogs.current, request.app_id)
        query = funnel_query(request, catalog, around.clock)
        async with self._slots.hold():
            # Before the events are read: what it promises is stored.
            watermark = around.watermark()
            limit = 0 if request.exact else self._max_events
            table, reading = await self._funnels.table(query, limit)
        return pb.QueryFunnelResponse(
            total=total(request, table, reading),
            groups=groups(request, table, reading),
            reliability=reliability(
                around,
                catalog,
                watermark,
                reading,
                query.read_until,
                all_names(query.steps),
                cut(request, table),
            ),
            time=time_interval((query.start, query.end)),
        )
