"""Folds events into cells, in memory. Nothing depends on the order or the grouping of the events.

Sums are exact: integers stay integers, and a double becomes the decimal that it is written as, so
that a thousand times 0.1 is 100.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, Inexact, localcontext
from functools import partial
from itertools import compress
from typing import Any, TypeVar

from libs.catalog import Conditions, Metric, MetricKind
from libs.common.pseudonym import Pseudonymizer, person_of
from services.aggregate.bins import binned
from services.aggregate.counting.columns import Columns
from services.aggregate.counting.fold_edges import Edges, add_edges, edge_delta
from services.aggregate.counting.rows import read_rows
from services.aggregate.gauges.signs import AllSigns
from services.aggregate.model import CellKey, MeasureDelta, StoredBatch
from services.aggregate.plan import AppPlan, Input, RollupPlan

T = TypeVar("T")

# A sum of doubles has at most 309 digits before the point and 1,074 behind it: this never rounds.
_EXACT = Context(prec=2_000, traps=[Inexact])
# Exact types: a bool is an int in Python, and not a number in JSON.
_NUMBERS = frozenset({int, float})


class RollupFold:
    """One rollup's cells, growing."""

    def __init__(self, plan: RollupPlan) -> None:
        self._plan = plan
        self._counts: dict[Conditions, Counter[CellKey]] = {
            conditions: Counter() for conditions in plan.counted
        }
        self._members: dict[Input, defaultdict[CellKey, set[str]]] = {
            source: defaultdict(set) for source in plan.distinct_inputs
        }
        self._numbers: dict[Input, defaultdict[CellKey, list[int | float]]] = {
            source: defaultdict(list) for source in plan.numeric_inputs
        }
        self._edges: dict[Input, dict[CellKey, Edges]] = {source: {} for source in plan.edge_inputs}

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
        for conditions, counts in self._counts.items():
            counts.update(_selected(keys, columns.matches(conditions)))
        for (source, conditions), members in self._members.items():
            matches = columns.matches(conditions)
            texts = _selected(columns.members(source), matches)
            _add_members(members, _selected(keys, matches), texts)
        for (source, conditions), numbers in self._numbers.items():
            matches = columns.matches(conditions)
            values = _selected(columns.raw(source), matches)
            _add_numbers(numbers, _selected(keys, matches), values)
        for (source, conditions), edges in self._edges.items():
            matches = columns.matches(conditions)
            found = zip(columns.moments(), columns.event_ids(), columns.raw(source), strict=True)
            add_edges(edges, _selected(keys, matches), _selected(list(found), matches))

    def cells(self) -> Iterable[tuple[CellKey, list[MeasureDelta], dict[str, set[str]]]]:
        """Every cell with a value: its key, all measures of the rollup, members by distinct metric.

        All measures and not only those that grow, so that the versions of a cell's measures go up
        together and one change says everything about its cell.
        """
        keys: set[CellKey] = set()
        for counts in self._counts.values():
            keys.update(counts)
        for members in self._members.values():
            keys.update(members)
        for numbers in self._numbers.values():
            keys.update(numbers)
        for edges in self._edges.values():
            keys.update(edges)
        for key in keys:
            found = {
                metric.name: self._members[metric.source, metric.conditions].get(key) or set()
                for metric in self._plan.stored
                if metric.kind is MetricKind.DISTINCT and metric.source is not None
            }
            yield key, [self._delta(metric, key) for metric in self._plan.stored], found

    def _delta(self, metric: Metric, key: CellKey) -> MeasureDelta:
        if metric.kind is MetricKind.COUNT:
            return MeasureDelta(metric.measure, self._counts[metric.conditions][key])
        if metric.kind is MetricKind.DISTINCT or metric.source is None:
            return MeasureDelta(metric.measure)
        source = metric.source, metric.conditions
        if metric.kind in (MetricKind.FIRST, MetricKind.LAST):
            return edge_delta(metric, self._edges[source].get(key))
        numbers = self._numbers[source].get(key)
        if numbers is None:
            return MeasureDelta(metric.measure)
        least, greatest = float(min(numbers)), float(max(numbers))
        if metric.kind is MetricKind.QUANTILE:
            return MeasureDelta(
                metric.measure, len(numbers), None, least, greatest, binned(numbers)
            )
        return MeasureDelta(metric.measure, len(numbers), exact_sum(numbers), least, greatest)


def fold(
    plan: AppPlan,
    batches: Sequence[StoredBatch],
    pseudonymizer: Pseudonymizer,
    signs: AllSigns | None = None,
) -> dict[str, RollupFold]:
    """The batches of one app as folded rollups, by name; what they say of gauges is added to `signs`.
    Raises CatalogBehindError."""
    person = partial(person_of, pseudonymizer, plan.app_id)
    folds: dict[str, RollupFold] = {}
    for read in read_rows(plan, batches):
        columns = Columns(read, person)
        if signs is not None:
            signs.add(read.plan.gauges, columns)
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


def _selected(values: Sequence[T], matches: Sequence[bool] | None) -> list[T]:
    if matches is None:
        return values if type(values) is list else list(values)
    return list(compress(values, matches))


def _add_members(
    found: defaultdict[CellKey, set[str]], keys: list[CellKey], members: Sequence[str]
) -> None:
    if keys and len(keys[0]) == 1 and keys.count(keys[0]) == len(keys):
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
