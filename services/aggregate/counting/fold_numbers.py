"""The numbers of a rollup's cells.

Sums are exact: integers stay integers, and a double becomes the decimal that it is written as, so
that a thousand times 0.1 is 100.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, Inexact, localcontext
from itertools import compress
from typing import cast

from services.aggregate.bins import binned
from services.aggregate.counting.columns import Columns, is_constant
from services.aggregate.counting.fold_edges import NO_EDGES, Edges, add_edges
from services.aggregate.model import CellKey, MeasureDelta
from services.aggregate.plan import MeasurePlan

# A sum of doubles has at most 309 digits before the point and 1,074 behind it: this never rounds.
_EXACT = Context(prec=2_000, traps=[Inexact])
# Exact types: a bool is an int in Python, and not a number in JSON.
NUMBERS = frozenset({int, float})
_INTEGERS = frozenset({int})


class NumberFold:
    """The numbers of a property; see `fold.MeasureFold`."""

    def __init__(self, measure: MeasurePlan) -> None:
        assert measure.source is not None
        self._measure, self._source = measure, measure.source
        self._numbers: defaultdict[CellKey, list[int | float]] = defaultdict(list)
        self._edges: dict[CellKey, Edges] = {}

    def add(
        self, keys: Sequence[CellKey], columns: Columns, matches: Sequence[bool] | None
    ) -> None:
        """Takes the events of one name that match."""
        values = columns.raw(self._source)
        if matches is not None:
            values = list(compress(values, matches))
        if self._measure.has_edges:
            events = zip(columns.moments(), columns.event_ids(), strict=True)
            some = events if matches is None else compress(events, matches)
            add_edges(self._edges, keys, some, values)
        numbers = self._numbers
        if not NUMBERS.issuperset(map(type, values)):
            are_numbers = [type(value) in NUMBERS for value in values]
            keys, values = list(compress(keys, are_numbers)), list(compress(values, are_numbers))
            if not keys:
                return
        if is_constant(keys):
            numbers[keys[0]] += values
            return
        for key, value in zip(keys, values, strict=True):
            numbers[key].append(value)

    def keys(self) -> Iterable[CellKey]:
        """The cells that have a number."""
        return self._numbers

    def delta(self, key: CellKey) -> MeasureDelta:
        """What the measure of a cell grows by."""
        measure = self._measure
        numbers = self._numbers.get(key)
        if numbers is None:
            return MeasureDelta(measure.name)
        edges = self._edges.get(key, NO_EDGES)
        return MeasureDelta(
            measure.name,
            len(numbers),
            exact_sum(numbers),
            float(min(numbers)),
            float(max(numbers)),
            binned(numbers) if measure.has_bins else None,
            edges.first,
            edges.last,
        )


def exact_sum(numbers: Sequence[int | float]) -> int | Decimal:
    """The sum without rounding: of integers an integer, else of each double's shortest decimal."""
    if _INTEGERS.issuperset(map(type, numbers)):
        return sum(cast(Sequence[int], numbers))
    if len(numbers) == 1:
        return Decimal(repr(numbers[0]))
    with localcontext(_EXACT):
        # Of an integer `repr` is the integer.
        return sum(map(Decimal, map(repr, numbers)), Decimal())
