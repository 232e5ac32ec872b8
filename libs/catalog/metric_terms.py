"""Reads the numbers of rollups that metrics are made of."""

from collections.abc import Mapping

from libs.catalog.metric import COUNTABLE_KINDS, Metric, MetricKind, canonical
from libs.catalog.metric_model import Term
from libs.catalog.model import Rollup
from libs.catalog.period import PARTS_OF, Period
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.yaml_nodes import Node

_SHAPE = "must be a number of a rollup, such as dau.active_users, or {of: dau.active_users, ...}"
_LONGEST_WINDOW_DAYS = 366
# Those of several groups are of different things: no number is theirs together.
_OF_ONE_GROUP = frozenset({MetricKind.FIRST, MetricKind.LAST})


class TermReader:
    """Reads terms of one metric with this period, which is split by the dimensions `by`."""

    def __init__(
        self,
        entry: Section,
        rollups: Mapping[str, Rollup],
        period: Period,
        by: tuple[str, ...],
    ) -> None:
        self.rollups = rollups
        self.period = period
        self.by = by
        self._entry = entry

    def one(self, key: str, *, windows: bool = True) -> tuple[Term, ...]:
        """The term under `key`; none if it is wrong."""
        node = self._entry.values.get(key)
        if node is None:
            self._entry.complain(f"`{key}` is missing")
            return ()
        return self._read(node, key, windows=windows)

    def several(self, key: str) -> tuple[Term, ...]:
        """The terms of the list under `key`, without wrong ones."""
        node = self._entry.values.get(key)
        items = node.value if node is not None and isinstance(node.value, tuple) else ()
        if not items:
            self._entry.complain("must be a list of numbers of rollups", key)
        return tuple(
            term
            for place, item in enumerate(items)
            for term in self._read(item, f"{key}[{place}]", windows=True)
        )

    def countable(self, key: str) -> tuple[Term, ...]:
        """The term under `key`, a number that is 0 for a bucket without any event."""
        found = self.one(key, windows=False)
        for term in found:
            if self._metric(term).kind not in COUNTABLE_KINDS:
                self._entry.complain(
                    f"an average is of counts, distinct counts and sums, and `{term.metric}` is none",
                    key,
                )
        return found

    def people(
        self, key: str, period: Period | None = None, *, dimensions: bool = True
    ) -> tuple[Term, ...]:
        """The term under `key`, a number of different people, of a rollup with this period."""
        found = self.one(key, windows=False)
        for term in found:
            rollup = self.rollups[term.rollup]
            metric = self._metric(term)
            if metric.kind is not MetricKind.DISTINCT or str(metric.source) != "subject":
                self._entry.complain(
                    f"`{term.metric}` is no number of different people: {{distinct: subject}}", key
                )
            if period is not None and rollup.period is not period:
                self._entry.complain(f"rollup `{term.rollup}` is not by {period}", key)
            if not dimensions and rollup.dimensions:
                self._entry.complain(f"rollup `{term.rollup}` has dimensions", key)
        return found

    def _metric(self, term: Term) -> Metric:
        [metric] = [one for one in self.rollups[term.rollup].metrics if one.name == term.metric]
        return metric

    def _read(self, node: Node, key: str, *, windows: bool) -> tuple[Term, ...]:
        place = f"{self._entry.where}.{key}"
        if not isinstance(node.value, str | Mapping):
            self._entry.problems.add(node.line, f"{place}: {_SHAPE}")
            return ()
        content = {"of": node} if isinstance(node.value, str) else node.value
        section = Section(Node(node.line, content), place, self._entry.problems)
        section.only(("of", "where", *(("window", "so_far") if windows else ())))
        rollup_name, _, metric_name = section.text("of").partition(".")
        rollup = self.rollups.get(rollup_name)
        if rollup is None:
            section.complain(f"no rollup `{rollup_name}`{did_you_mean(rollup_name, self.rollups)}")
            return ()
        metrics = {metric.name: metric for metric in rollup.metrics}
        if metric_name not in metrics:
            hint = did_you_mean(metric_name, metrics)
            section.complain(f"rollup `{rollup_name}` has no number `{metric_name}`{hint}")
            return ()
        if metrics[metric_name].kind is MetricKind.ELAPSED:
            section.complain(f"`{metric_name}` is no number of cells: it is read from events")
            return ()
        where = self._where(section.child("where"), rollup)
        window = section.days("window") or 0
        so_far = section.flag("so_far")
        self._check_period(section, rollup, window, so_far=so_far)
        self._check_dimensions(section, rollup, metrics[metric_name].kind, dict(where))
        return (Term(rollup_name, metric_name, where, window, so_far),)

    def _where(self, section: Section, rollup: Rollup) -> tuple[tuple[str, str], ...]:
        known = [dimension.name for dimension in rollup.dimensions]
        section.only(name for name in known if name not in rollup.personal_dimensions)
        found = {}
        for name, node in section.values.items():
            value = node.value
            if isinstance(value, str | int | float) and value != "":
                found[name] = canonical(value)
            elif name in known:
                section.complain("must be a text, a number, true or false", name)
        return tuple(sorted(found.items()))

    def _check_period(self, section: Section, rollup: Rollup, window: int, *, so_far: bool) -> None:
        if window > _LONGEST_WINDOW_DAYS:
            section.complain(f"must be at most {_LONGEST_WINDOW_DAYS}d", "window")
        if window and so_far:
            section.complain("`window` and `so_far`: only one of them", "window")
        if so_far and (self.period is not Period.HOUR or rollup.period is not Period.HOUR):
            section.complain("is for hours: the metric's and the rollup's period", "so_far")
        part_of = Period.DAY if window else self.period
        if rollup.period not in PARTS_OF[part_of]:
            section.complain(
                f"rollup `{rollup.name}` is by {rollup.period}, which is no part of a {part_of}"
            )
        if window and self.period is Period.HOUR:
            section.complain("ends with a day, and the metric is by hour", "window")

    def _check_dimensions(
        self, section: Section, rollup: Rollup, kind: MetricKind, where: Mapping[str, str]
    ) -> None:
        known = [dimension.name for dimension in rollup.dimensions]
        for name in self.by:
            if name in rollup.personal_dimensions:
                section.complain(f"`{name}`: numbers of single people are metrics of their own")
            elif name not in known:
                section.complain(
                    f"rollup `{rollup.name}` has no dimension `{name}`{did_you_mean(name, known)}"
                )
        free = [name for name in known if name not in self.by and name not in where]
        if kind in _OF_ONE_GROUP and free:
            section.complain(
                f"a {kind} number has no sum over `{free[0]}`: put it into `by` or `where`"
            )
