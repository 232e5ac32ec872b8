"""The first and the last number of a cell. Of events of one moment the UUID decides: nothing depends on the
order in which they come."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from libs.catalog import Metric, MetricKind
from libs.common.ids import event_uuid
from services.aggregate.model import CellKey, Edge, MeasureDelta

_NUMBERS = frozenset({int, float})


class Edges(NamedTuple):
    """The first and the last number, and how many there are."""

    first_number: Edge
    last_number: Edge
    events: int


def add_edges(
    found: dict[CellKey, Edges], keys: Sequence[CellKey], events: Iterable[tuple[int, str, Any]]
) -> None:
    """Takes events: when each occurred, its id, its value."""
    for key, (moment, event_id, value) in zip(keys, events, strict=True):
        if type(value) not in _NUMBERS:
            continue
        edge = moment, event_uuid(event_id)[0].hex(), value
        known = found.get(key)
        if known is None:
            found[key] = Edges(edge, edge, 1)
        else:
            found[key] = Edges(
                min(known.first_number, edge), max(known.last_number, edge), known.events + 1
            )


def edge_delta(metric: Metric, edges: Edges | None) -> MeasureDelta:
    """What the metric's measure grows by."""
    if edges is None:
        return MeasureDelta(metric.measure)
    if metric.kind is MetricKind.FIRST:
        return MeasureDelta(metric.measure, edges.events, first_number=edges.first_number)
    return MeasureDelta(metric.measure, edges.events, last_number=edges.last_number)
