"""Folds events into cells, in memory. Nothing depends on the order or the grouping of the events."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import Any, Protocol, TypeVar

from libs.common.pseudonym import Pseudonymizer
from services.aggregate.counting.columns import Columns, is_constant
from services.aggregate.counting.fold_numbers import NumberFold
from services.aggregate.counting.people import People
from services.aggregate.counting.rows import read_rows
from services.aggregate.gauges.signs import AllSigns
from services.aggregate.model import CellKey, MeasureDelta, StoredBatch
from services.aggregate.plan import AppPlan, MeasurePlan, RollupPlan

T = TypeVar("T")


class MeasureFold(Protocol):
    """One measure of all cells of a rollup, growing."""

    def add(
        self, keys: Sequence[CellKey], columns: Columns, matches: Sequence[bool] | None
    ) -> None:
        """Takes the events of one name that meet the measure's conditions: `matches`, None for all."""
        ...

    def keys(self) -> Iterable[CellKey]:
        """The cells that have a value."""
        ...

    def delta(self, key: CellKey) -> MeasureDelta:
        """What the measure of a cell grows by."""
        ...


class RollupFold:
    """One rollup's cells, growing."""

    def __init__(self, plan: RollupPlan) -> None:
        self._plan = plan
        self._members: dict[str, MemberFold] = {}
        self._folds: list[tuple[MeasurePlan, MeasureFold]] = []
        for measure in plan.measures:
            fold: MeasureFold
            if measure.is_distinct:
                fold = self._members[measure.name] = MemberFold(measure)
            else:
                fold = CountFold(measure) if measure.source is None else NumberFold(measure)
            self._folds.append((measure, fold))

    def add(self, columns: Columns) -> None:
        """Takes the events of one name."""
        plan = self._plan
        keys = columns.cell_keys(plan.period, plan.sources)
        for measure, fold in self._folds:
            matches = columns.matches(measure.conditions)
            if matches is None:
                fold.add(keys, columns, None)
            elif matches:
                fold.add(list(compress(keys, matches)), columns, matches)

    def cells(self) -> Iterator[tuple[CellKey, list[MeasureDelta], dict[str, set[str]]]]:
        """Every cell with a value: its key, all measures of the rollup, members by distinct metric.

        All measures and not only those that grow, so that the versions of a cell's measures go up
        together and one change says everything about its cell.
        """
        keys: set[CellKey] = set()
        for _, fold in self._folds:
            keys.update(fold.keys())
        deltas = [fold.delta for _, fold in self._folds]
        for key in keys:
            members = {name: fold.members(key) for name, fold in self._members.items()}
            yield key, [delta(key) for delta in deltas], members


class CountFold:
    """How many events."""

    def __init__(self, measure: MeasurePlan) -> None:
        self._name = measure.name
        self._counts: Counter[CellKey] = Counter()

    def add(
        self, keys: Sequence[CellKey], columns: Columns, matches: Sequence[bool] | None
    ) -> None:
        """See MeasureFold."""
        if is_constant(keys):
            self._counts[keys[0]] += len(keys)
        else:
            self._counts.update(keys)

    def keys(self) -> Iterable[CellKey]:
        """See MeasureFold."""
        return self._counts

    def delta(self, key: CellKey) -> MeasureDelta:
        """See MeasureFold."""
        return MeasureDelta(self._name, self._counts[key])


class MemberFold:
    """Which different values; how many of them are new is known when they are stored."""

    def __init__(self, measure: MeasurePlan) -> None:
        assert measure.source is not None
        self._name, self._source = measure.name, measure.source
        self._members: defaultdict[CellKey, set[str]] = defaultdict(set)

    def add(
        self, keys: Sequence[CellKey], columns: Columns, matches: Sequence[bool] | None
    ) -> None:
        """See MeasureFold."""
        _add_members(self._members, keys, selected(columns.members(self._source), matches))

    def keys(self) -> Iterable[CellKey]:
        """See MeasureFold."""
        return self._members

    def members(self, key: CellKey) -> set[str]:
        """The values of a cell."""
        return self._members.get(key) or set()

    def delta(self, key: CellKey) -> MeasureDelta:
        """See MeasureFold."""
        return MeasureDelta(self._name)


def fold(
    plan: AppPlan,
    batches: Sequence[StoredBatch],
    pseudonymizer: Pseudonymizer,
    signs: AllSigns | None = None,
) -> dict[str, RollupFold]:
    """The batches of one app as folded rollups, by name; what they say of gauges is added to `signs`.
    Raises CatalogBehindError."""
    people = People(pseudonymizer, plan.app_id, hashes_sessions=plan.hashes_sessions)
    folds: dict[str, RollupFold] = {}
    for read in read_rows(plan, batches):
        columns = Columns(read, people)
        if signs is not None:
            signs.add(read.plan.gauges, columns)
        for rollup in read.plan.rollups:
            if rollup.name not in folds:
                folds[rollup.name] = RollupFold(rollup)
            folds[rollup.name].add(columns)
    return folds


def selected(values: Sequence[Any], matches: Sequence[bool] | None) -> Sequence[Any]:
    """The values of the events that match, None for all."""
    return values if matches is None else list(compress(values, matches))


def _add_members(
    found: defaultdict[CellKey, set[str]], keys: Sequence[CellKey], members: Sequence[str]
) -> None:
    if is_constant(keys):
        present = set(members)
        present.discard("")
        if present:
            found[keys[0]] |= present
        return
    for key, member in zip(keys, members, strict=True):
        if member:
            found[key].add(member)
