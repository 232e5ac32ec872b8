"""Requests for paths, and their answers."""

from datetime import timedelta

from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from libs.catalog import Catalog
from libs.common.clock import Clock
from libs.common.errors import InvalidArgument
from services.aggregate.behaviour.convert import at_most, earlier, later, length_of, names_like
from services.aggregate.behaviour.model import Reading
from services.aggregate.behaviour.paths.model import PathsQuery, PathTable
from services.aggregate.events.convert import frame_of

DEFAULT_GAP = timedelta(minutes=30)
_DEFAULT_DEPTH, _MAX_DEPTH = 3, 5
_DEFAULT_ROWS, _MAX_ROWS = 200, 1_000
_FORWARD, _BACKWARD = "after_event", "before_event"


def paths_query(request: pb.QueryPathsRequest, catalog: Catalog, clock: Clock) -> PathsQuery:
    """A QueryPathsRequest. Raises InvalidArgument."""
    direction = request.WhichOneof("anchor")
    if direction is None:
        raise InvalidArgument("is required, or `before_event`", field=_FORWARD)
    [anchor, *others] = names_like(getattr(request, direction), direction, catalog)
    if others:
        raise InvalidArgument("must be one event", field=direction)
    depth = at_most(request.depth, "depth", default=_DEFAULT_DEPTH, maximum=_MAX_DEPTH)
    gap = length_of(request.gap, "gap", unset=DEFAULT_GAP, is_set=request.HasField("gap"))
    exclude = frozenset(
        name
        for number, pattern in enumerate(request.exclude)
        for name in names_like(pattern, f"exclude[{number}]", catalog)
    )
    if anchor in exclude:
        raise InvalidArgument(f"has {anchor}, where paths begin or end", field="exclude")
    start, end = frame_of(request, clock)
    is_backward = direction == _BACKWARD
    return PathsQuery(
        request.app_id,
        start,
        end,
        earlier(start, depth * gap) if is_backward else start,
        end if is_backward else later(end, depth * gap),
        anchor,
        is_backward,
        depth,
        gap,
        exclude,
    )


def check_rows(request: pb.QueryPathsRequest) -> int:
    """How many rows an answer may have. Raises InvalidArgument."""
    return at_most(request.max_rows, "max_rows", default=_DEFAULT_ROWS, maximum=_MAX_ROWS)


def answered_rows(
    request: pb.QueryPathsRequest, limit: int, table: PathTable, reading: Reading
) -> tuple[list[pb.PathRow], reliability_pb2.Cut | None]:
    """The rows of an answer, by step, and what was left out beside those that `min_count` leaves out; None
    for nothing."""
    wanted = [row for row in table.rows if row.count * reading.one_in >= request.min_count]
    largest = sorted(wanted, key=lambda row: -row.count)[:limit]
    cut = None
    if len(largest) < len(wanted):
        cut = reliability_pb2.Cut(
            limit="max_rows",
            value=limit,
            detail=f"{len(wanted) - limit} smaller rows are left out",
        )
    shown = sorted(largest, key=lambda row: (row.step, -row.count, row.event, row.next))
    return [
        pb.PathRow(
            step=row.step,
            event=row.event,
            next=row.next,
            count=row.count * reading.one_in,
            people=row.people * reading.one_in,
        )
        for row in shown
    ], cut
