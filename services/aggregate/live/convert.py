"""Live cells as messages to watchers."""

import orjson
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.catalog import Limits
from services.aggregate.answer_sizes import DIMENSIONS_BYTES, bounded_dimensions
from services.aggregate.convert import cell_message
from services.aggregate.model import CellState


def encoded_state(state: CellState) -> bytes:
    """A live cell as a WatchRollupsResponse with nothing else in it; one behind the other, they are a
    WatchRollupsResponse too."""
    cell = state.cell
    dimensions = orjson.loads(cell.dimensions)
    if len(cell.dimensions) > DIMENSIONS_BYTES:
        # Counted and published by a release that had no limits.
        dimensions = bounded_dimensions(dimensions, Limits().dimension_characters)
    watched = pb.WatchedCell(
        rollup=cell.rollup, cell=cell_message(cell.bucket, dimensions, state.values)
    )
    return bytes(pb.WatchRollupsResponse(cells=[watched]).SerializeToString())
