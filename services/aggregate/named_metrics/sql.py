"""Statements that read the numbers of rollups over spans and groups. Values are parameters; all else comes
from fixed texts of this module."""

from collections.abc import Sequence

from libs.catalog import Metric, MetricKind, Term
from services.aggregate.named_metrics.model import Span
from services.aggregate.plan import AppPlan, RollupPlan

# The cells of a term in each span, with the values of the dimensions that the metric is split by as one text.
_CELLS = """
SELECT s.value, s.span, {dimensions} COLLATE "C" AS dimensions, c.bucket, c.cell_id
FROM unnest(CAST(:{p}values AS int[]), CAST(:{p}spans AS int[]),
    CAST(:{p}starts AS timestamptz[]), CAST(:{p}ends AS timestamptz[])) AS s (value, span, start, until)
JOIN aggregate.cells AS c ON c.app_id = :app_id AND c.rollup = :{p}rollup
    AND c.bucket >= s.start AND c.bucket < s.until {conditions}
"""
_AFTER = '(value, dimensions) > (:after_value, :after_dimensions COLLATE "C")'
# By value, group, span and stored measure.
_NUMBERS = """
WITH cells AS ({cells})
SELECT value, dimensions, span, metric, {columns}
FROM cells JOIN aggregate.{table} AS m USING (cell_id)
WHERE m.metric = ANY(:measures) AND {after}
GROUP BY value, dimensions, span, metric
ORDER BY value, dimensions, span LIMIT :limit
"""
_MEASURED = """
sum(m.count)::bigint AS count, sum(m.total) AS total, min(m.minimum) AS minimum, max(m.maximum) AS maximum,
jsonb_agg(m.bins) FILTER (WHERE m.bins IS NOT NULL) AS bins,
(array_agg(m.first_number ORDER BY m.first_number) FILTER (WHERE m.first_number IS NOT NULL))[1]
    AS first_number,
(array_agg(m.last_number ORDER BY m.last_number DESC) FILTER (WHERE m.last_number IS NOT NULL))[1]
    AS last_number,
sum(m.count)::bigint AS points
"""
_PEOPLE = "count(DISTINCT {member}) AS count, count(*) AS points"
# Who entered first on which day, and how many of them were active so many days after it.
_RETENTION = """
WITH entry_cells AS ({entry}), active_cells AS ({active}),
entered AS (
    SELECT value, dimensions, m.member, min(bucket) AS day
    FROM entry_cells JOIN aggregate.members AS m USING (cell_id)
    WHERE m.metric = :entry_metric AND {after}
    GROUP BY value, dimensions, m.member
), active AS (
    SELECT DISTINCT value, dimensions, m.member, bucket
    FROM active_cells JOIN aggregate.members AS m USING (cell_id)
    WHERE m.metric = :active_metric
)
SELECT e.value, e.dimensions, count(*) AS people, count(a.member) AS stayed
FROM entered AS e LEFT JOIN active AS a
    ON a.value = e.value AND a.dimensions = e.dimensions AND a.member = e.member
    AND a.bucket = e.day + make_interval(days => :after_days)
GROUP BY e.value, e.dimensions ORDER BY e.value, e.dimensions LIMIT :limit
"""
# Who was active in the span before, and how many of them in this one too.
_CHURN = """
WITH cells AS ({cells}), people AS (
    SELECT value, dimensions, m.member, bool_or(span = 0) AS before, bool_or(span = 1) AS now
    FROM cells JOIN aggregate.members AS m USING (cell_id)
    WHERE m.metric = :metric AND {after}
    GROUP BY value, dimensions, m.member
)
SELECT value, dimensions, count(*) FILTER (WHERE before) AS people,
    count(*) FILTER (WHERE before AND now) AS stayed
FROM people GROUP BY value, dimensions ORDER BY value, dimensions LIMIT :limit
"""

# A value's number, the number of one of its spans, and that span.
Asked = tuple[int, int, Span]


class Statement:
    """A statement in the making: the cells of its terms, and its parameters."""

    def __init__(self, app: AppPlan, by: Sequence[str], filters: Sequence[tuple[str, str]]) -> None:
        self.parameters: dict[str, object] = {"app_id": app.app_id}
        self._app = app
        self._by = by
        self._filters = filters

    def numbers(
        self, term: Term, metrics: Sequence[Metric], asked: Sequence[Asked], *, by_bucket: bool
    ) -> str:
        """What the measures of one kind come to. People are counted once in a span, or `by_bucket`."""
        self.parameters["measures"] = [metric.measure for metric in metrics]
        cells = self.cells("c", term, asked)
        is_people = metrics[0].kind is MetricKind.DISTINCT
        member = "(bucket, m.member)" if by_bucket else "m.member"
        return _NUMBERS.format(
            cells=cells,
            table="members" if is_people else "measures",
            columns=_PEOPLE.format(member=member) if is_people else _MEASURED,
            after=_AFTER,
        )

    def retention(
        self, entry: Term, active: Term, entries: Sequence[Asked], later: Sequence[Asked], days: int
    ) -> str:
        """How many people entered, and how many of them were active `days` later."""
        self.parameters |= {
            "entry_metric": self._measure(entry),
            "active_metric": self._measure(active),
            "after_days": days,
        }
        return _RETENTION.format(
            entry=self.cells("e", entry, entries),
            active=self.cells("a", active, later),
            after=_AFTER,
        )

    def churn(self, term: Term, asked: Sequence[Asked]) -> str:
        """How many people there were in the first of two spans, and how many of them in the second too."""
        self.parameters["metric"] = self._measure(term)
        return _CHURN.format(cells=self.cells("c", term, asked), after=_AFTER)

    def cells(self, prefix: str, term: Term, asked: Sequence[Asked]) -> str:
        """The cells of a term; its parameters begin with `prefix`."""
        self.parameters |= {
            f"{prefix}rollup": term.rollup,
            f"{prefix}values": [value for value, _, _ in asked],
            f"{prefix}spans": [span for _, span, _ in asked],
            f"{prefix}starts": [span.start for _, _, span in asked],
            f"{prefix}ends": [span.end for _, _, span in asked],
        }
        pairs = []
        for number, name in enumerate(self._by):
            self.parameters[f"by{number}"] = name
            pairs.append(f"CAST(:by{number} AS text), c.dimensions -> :by{number}")
        conditions = [
            self._condition(f"{prefix}{number}", name, value)
            for number, (name, value) in enumerate((*term.where, *self._filters))
        ]
        return _CELLS.format(
            p=prefix,
            dimensions=f"CAST(jsonb_build_object({', '.join(pairs)}) AS text)",
            conditions=" ".join(conditions),
        )

    def _measure(self, term: Term) -> str:
        """The name under which people are stored."""
        return measure_of(self._app.rollups[term.rollup], term.metric)

    def _condition(self, suffix: str, name: str, value: str) -> str:
        self.parameters |= {f"name_{suffix}": name, f"value_{suffix}": value}
        # A cell from before the catalog had the dimension has no such key: that is null as well.
        return (
            f"AND coalesce(c.dimensions -> :name_{suffix}, 'null'::jsonb)"
            f" = CAST(:value_{suffix} AS jsonb)"
        )


def merged_bins(bins: Sequence[dict[str, int]] | None) -> dict[str, int] | None:
    """Histograms added up."""
    if bins is None:
        return None
    total: dict[str, int] = {}
    for one in bins:
        for number, count in one.items():
            total[number] = total.get(number, 0) + count
    return total


def kinds_of(metrics: Sequence[Metric]) -> Sequence[Sequence[Metric]]:
    """The metrics that one statement can read together: people, and all others."""
    people = [metric for metric in metrics if metric.kind is MetricKind.DISTINCT]
    others = [metric for metric in metrics if metric.kind is not MetricKind.DISTINCT]
    return [group for group in (people, others) if group]


def measure_of(plan: RollupPlan, name: str) -> str:
    """Under which name a metric of a rollup is stored."""
    [measure] = [metric.measure for metric in plan.metrics if metric.name == name]
    return measure
