"""Folds events into cells, in memory. Nothing depends on the order or the grouping of the events.

Sums are exact: integers stay integers, and a double becomes the decimal that it is written as, so
that a thousand times 0.1 is 100.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, Inexact, localcontext
from typing import Any

from libs.catalog import Metric, MetricKind, Source
from services.aggregate.counting.columns import Columns
from services.aggregate.counting.rows import read_rows
from services.aggregate.model import CellKey, MeasureDelta, StoredBatch
from services.aggregate.plan import AppPlan, RollupPlan

# A sum of doubles has at most 309 digits before the point and 1,074 behind it: this never rounds.
_EXACT = Context(prec=2_000, traps=[Inexact])
# Exact types: a bool is an int in Python, and not a number in JSON.
_NUMBERS = frozenset({int, float})


class RollupFold:
    """One rollup's cells, growing."""

    def __init__(self, plan: RollupPlan) -> None:
        self._plan = plan
        self._counts: Counter[CellKey] = Counter()
        self._members: dict[Source, defaultdict[CellKey, set[str]]] = {
            source: defaultdict(set) for source in plan.distinct_sources
        }
        self._numbers: dict[Source, defaultdict[CellKey, list[int | float]]] = {
            source: defaultdict(list) for source in plan.numeric_sources
        }

    def add(self, columns: Columns) -> None:
        """Takes the events of one name."""
        plan = self._plan
        keys: list[CellKey] = list(
            zip(
                columns.buckets(plan.period),
                *[columns.dimension(dimension.source) for dimension in plan.dimensions],
                strict=True,
            )
        )
        if plan.has_count:
            self._counts.update(keys)
        for source, members in self._members.items():
            _add_members(members, keys, columns.members(source))
        for source, numbers in self._numbers.items():
            _add_numbers(numbers, keys, columns.raw(source))

    def cells(self) -> Iterable[tuple[CellKey, list[MeasureDelta], dict[str, set[str]]]]:
        """Every cell with a value: its key, all metrics of the rollup, members by distinct metric.

        All metrics and not only those that grow, so that the versions of a cell's measures go up
        together and one change says everything about its cell.
        """
        keys = set(self._counts)
        for members in self._members.values():
            keys.update(members)
        for numbers in self._numbers.values():
            keys.update(numbers)
        for key in keys:
            found = {
                metric.name: self._members[metric.source].get(key) or set()
                for metric in self._plan.metrics
                if metric.kind is MetricKind.DISTINCT and metric.source is not None
            }
            yield key, [self._delta(metric, key) for metric in self._plan.metrics], found

    def _delta(self, metric: Metric, key: CellKey) -> MeasureDelta:
        if metric.kind is MetricKind.COUNT:
            return MeasureDelta(metric.name, self._counts[key])
        if metric.kind is MetricKind.DISTINCT or metric.source is None:
            return MeasureDelta(metric.name)
        numbers = self._numbers[metric.source].get(key)
        if numbers is None:
            return MeasureDelta(metric.name)
        return MeasureDelta(
            metric.name,
            len(numbers),
            exact_sum(numbers),
            float(min(numbers)),
            float(max(numbers)),
        )


def fold(plan: AppPlan, batches: Sequence[StoredBatch]) -> dict[str, RollupFold]:
    """The batches of one app as folded rollups, by name. Raises CatalogBehindError."""
    folds: dict[str, RollupFold] = {}
    for read in read_rows(plan, batches):
        columns = Columns(read)
        for rollup in read.plan.rollups:
            if rollup.name not in folds:
                folds[rollup.name] = RollupFold(rollup)
            folds[rollup.name].add(columns)
    return folds


def exact_sum(numbers: Sequence[int | float]) -> int | Decimal:
    """The sum without rounding: of integers an integer, else of each double's shortest decimal."""
    integers = [number for number in numbers if type(number) is int]
    whole = sum(integers)
    if len(integers) == len(numbers):
        return whole
    fractions = [number for number in numbers if type(number) is float]
    with localcontext(_EXACT):
        return sum(map(Decimal, map(repr, fractions)), Decimal(whole))


def _add_members(
    found: defaultdict[CellKey, set[str]], keys: list[CellKey], members: Sequence[str]
) -> None:
    if len(keys[0]) == 1 and keys.count(keys[0]) == len(keys):
        # One cell for all, as in most chunks of a rollup without dimensions: no loop in Python.
        present = set(members)
        present.discard("")
        if present:
            found[keys[0]] |= present
        return
    for key, member in zip(keys, members, strict=True):
        if member:
            found[key].add(member)


def _add_numbers(
    found: defaultdict[CellKey, list[int | float]], keys: list[CellKey], values: Sequence[Any]
) -> None:
    if _NUMBERS.issuperset(map(type, values)):
        for key, value in zip(keys, values, strict=True):
            found[key].append(value)
        return
    for key, value in zip(keys, values, strict=True):
        if type(value) in _NUMBERS:
            found[key].append(value)
