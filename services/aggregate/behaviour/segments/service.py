"""QuerySegments: how many people did some things so often, and others not."""

from weir.aggregate.v1 import behaviour_pb2 as pb

from libs.common.apps import catalog_of
from services.aggregate.behaviour.convert import reliability, time_interval
from services.aggregate.behaviour.segments.convert import (
    segment_cut,
    segment_message,
    segment_query,
)
from services.aggregate.behaviour.segments.postgres import PostgresSegments
from services.aggregate.behaviour.segments.suppression import shown
from services.aggregate.behaviour.surroundings import Surroundings


class SegmentQueries:
    """Answers `weir.aggregate.v1.AggregateService/QuerySegments`; groups of fewer people than the catalog
    says are not listed."""

    def __init__(self, surroundings: Surroundings, segments: PostgresSegments) -> None:
        self._surroundings = surroundings
        self._segments = segments

    async def query(self, request: pb.QuerySegmentsRequest) -> pb.QuerySegmentsResponse:
        """The segment. Raises AppUnknown, InvalidArgument, LimitExceeded, DeadlineExceeded, Unavailable."""
        around = self._surroundings
        catalog = catalog_of(around.catalogs.current, request.app_id)
        query = segment_query(request, catalog, around.clock)
        async with around.turn(exact=request.exact) as turn:
            counted, reading = await self._segments.counted(query, turn.limit)
        # For all callers, whatever else they may see: who wants to know of people lists their events.
        least = catalog.least_people
        segment = shown(counted, least)
        answer = segment_message(segment, reading, least)
        cut = segment_cut(query, segment, least)
        answer.reliability.CopyFrom(
            reliability(around, catalog, turn.watermark, reading, query.end, catalog.events, cut)
        )
        answer.time.CopyFrom(time_interval((query.start, query.end)))
        return answer
