"""Where a stored result differs from a fresh calculation. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from libs.events.recount import RecountKey, cell_key
from services.aggregate.buckets import seconds_since_epoch
from services.aggregate.results.model import ResultCell


@dataclass(frozen=True, slots=True)
class ValueDifference:
    """One number of a cell; None on the side that does not have it."""

    cell: ResultCell
    metric: str
    stored: float | None
    computed: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many numbers either side has, and those that differ."""

    values: int
    differences: list[ValueDifference]


_NOTHING: Mapping[str, float] = {}


def compare(stored: Iterable[ResultCell], computed: Iterable[ResultCell]) -> Comparison:
    """Cells are the same if their rollups, buckets and dimensions are: a recount gives them other ids."""
    kept, fresh = _by_key(stored), _by_key(computed)
    values = 0
    differences = []
    for key in sorted({*kept, *fresh}):
        cell = kept.get(key) or fresh[key]
        ours = kept[key].metrics if key in kept else _NOTHING
        theirs = fresh[key].metrics if key in fresh else _NOTHING
        names = sorted({*ours, *theirs})
        values += len(names)
        differences += [
            ValueDifference(cell, name, ours.get(name), theirs.get(name))
            for name in names
            if ours.get(name) != theirs.get(name)
        ]
    return Comparison(values, differences)


def _by_key(cells: Iterable[ResultCell]) -> dict[tuple[str, RecountKey], ResultCell]:
    return {(cell.rollup, _place(cell)): cell for cell in cells}


def _place(cell: ResultCell) -> RecountKey:
    return cell_key(seconds_since_epoch(cell.bucket), cell.dimensions)
