"""QueryPaths: what people did next after an event, or before it."""

from weir.aggregate.v1 import behaviour_pb2 as pb

from libs.common.apps import catalog_of
from services.aggregate.behaviour.convert import reliability, time_interval
from services.aggregate.behaviour.paths.convert import answered_rows, check_rows, paths_query
from services.aggregate.behaviour.paths.postgres import PostgresPaths
from services.aggregate.behaviour.paths.suppression import shown_paths
from services.aggregate.behaviour.sampling import PATH_COST
from services.aggregate.behaviour.surroundings import Surroundings
from services.aggregate.suppression.convert import least_people, withheld_cut
from services.aggregate.suppression.tables import NO_LIMIT


class PathQueries:
    """Answers `weir.aggregate.v1.AggregateService/QueryPaths`."""

    def __init__(self, surroundings: Surroundings, paths: PostgresPaths) -> None:
        self._surroundings = surroundings
        self._paths = paths

    async def query(self, request: pb.QueryPathsRequest) -> pb.QueryPathsResponse:
        """The paths. Raises AppUnknown, InvalidArgument, LimitExceeded, DeadlineExceeded, Unavailable."""
        around = self._surroundings
        catalog = catalog_of(around.catalogs.current, request.app_id)
        query = paths_query(request, catalog, around.clock)
        limit = check_rows(request)
        async with around.turn(exact=request.exact, cost=PATH_COST) as turn:
            table, reading = await self._paths.table(query, turn.limit)
        names = catalog.events.keys() - query.exclude
        least = least_people(catalog)
        shown = table if least == NO_LIMIT else shown_paths(table, least)
        rows, cut = answered_rows(request, limit, shown, reading)
        if shown != table:
            cut = withheld_cut(least)
        return pb.QueryPathsResponse(
            rows=rows,
            paths=shown.paths * reading.one_in,
            reliability=reliability(
                around, catalog, turn.watermark, reading, query.read_until, names, cut
            ),
            time=time_interval((query.start, query.end)),
        )
