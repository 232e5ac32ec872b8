"""The first and the last number of a cell. Of events of one moment the UUID decides: nothing depends on the
order in which they come."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from libs.common.ids import event_uuid
from services.aggregate.model import CellKey, Edge

_NUMBERS = frozenset({int, float})


class Edges(NamedTuple):
    """The first and the last number; None without any."""

    first: Edge | None
    last: Edge | None


NO_EDGES = Edges(None, None)


def add_edges(
    found: dict[CellKey, Edges],
    keys: Sequence[CellKey],
    events: Iterable[tuple[int, str]],
    values: Sequence[Any],
) -> None:
    """Takes events: when each occurred and its id, and its value."""
    for key, (moment, event_id), value in zip(keys, events, values, strict=True):
        if type(value) not in _NUMBERS:
            continue
        edge = moment, event_uuid(event_id)[0].hex(), value
        first, last = found.get(key, NO_EDGES)
        found[key] = Edges(
            edge if first is None else min(first, edge), edge if last is None else max(last, edge)
        )
