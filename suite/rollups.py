"""Reading the rollups of a running suite."""

from collections.abc import Iterator

from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.rpc.channels import Calls, pages

# The rollup that every app has: all events, by hour and name.
_ROLLUP, _METRIC = "events", "events"
_PAGE_SIZE = 10_000


def rollup_cells(aggregate: Calls, app_id: str, rollup: str) -> Iterator[pb.Cell]:
    """All cells of one rollup, page by page. Raises grpc.RpcError."""
    request = pb.QueryRollupRequest(app_id=app_id, rollup=rollup, page_size=_PAGE_SIZE)
    for page in pages(aggregate.QueryRollup, request):
        yield from page.cells


def counted_events(aggregate: Calls, app_id: str) -> int:
    """How many events of the app are counted so far. Raises grpc.RpcError."""
    return round(
        sum(cell.metrics.get(_METRIC, 0.0) for cell in rollup_cells(aggregate, app_id, _ROLLUP))
    )
