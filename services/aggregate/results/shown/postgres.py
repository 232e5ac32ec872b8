"""What of a job's result is shown to callers who may see aggregates only."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.catalog import Catalog, MetricKind, NamedMetric
from libs.common.errors import LimitExceeded
from services.aggregate.named_metrics.model import Answer, Span
from services.aggregate.named_metrics.shown.postgres import MetricJudge
from services.aggregate.named_metrics.spans import periods_in
from services.aggregate.plan import AppPlan, RollupPlan
from services.aggregate.results.model import COHORTS, METRICS, JobKey, ResultCell, ResultPeriod
from services.aggregate.suppression.lines import (
    CellKey,
    is_about_people,
    lines_of,
    longer_periods,
)
from services.aggregate.suppression.postgres import MAX_CELLS, json_text
from services.aggregate.suppression.tables import is_few, withheld
from services.aggregate.suppression.values import people_measure

# All cells of some rollups in a result: which of them are shown depends on the others.
SELECT_CELLS = text("""
SELECT rollup, bucket, cell_id, dimensions, metrics FROM aggregate.result_cells
WHERE app_id = :app_id AND job = :job AND period_start = :start AND rollup = ANY(:rollups)
LIMIT :limit
""")
# The people of a cohort entered on any day of its week.
_WEEK = timedelta(weeks=1)
_DAY_SHARE = re.compile(r"d(\d+)_retention").fullmatch


class ShownResults:
    """Results over connections of `engine`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of(
        self,
        key: JobKey,
        catalog: Catalog,
        app: AppPlan,
        period: ResultPeriod,
        cells: Sequence[ResultCell],
        least: int,
    ) -> Sequence[ResultCell]:
        """Those of the cells, of the result of this period, that are shown, with the values that are. Raises
        LimitExceeded."""
        names = {
            cell.rollup
            for cell in cells
            if cell.rollup in app.rollups and is_about_people(catalog, catalog.rollups[cell.rollup])
        }
        async with self._engine.connect() as connection:
            shown = await self._shown_ids(connection, key, catalog, app, period.start, names, least)
            judges = await _judges(connection, catalog, app, cells, least)
        found = []
        for cell in cells:
            match cell.rollup:
                case name if name in names:
                    if cell.cell_id in shown:
                        found.append(_shown_cell(app.rollups[name], cell, least))
                case name if name == METRICS:
                    found.append(_shown_metrics(cell, judges))
                case name if name == COHORTS:
                    found.append(_shown_cohort(cell, period.end, least))
                case _:
                    found.append(cell)
        return [cell for cell in found if cell.metrics]

    async def _shown_ids(
        self,
        connection: AsyncConnection,
        key: JobKey,
        catalog: Catalog,
        app: AppPlan,
        start: datetime,
        names: Set[str],
        least: int,
    ) -> Set[UUID]:
        if not names:
            return set()
        parameters = {
            "app_id": key[0],
            "job": key[1],
            "start": start,
            "rollups": sorted(names),
            "limit": MAX_CELLS + 1,
        }
        rows = (await connection.execute(SELECT_CELLS, parameters)).all()
        if len(rows) > MAX_CELLS:
            raise LimitExceeded(
                "the result has too many cells to see which of them are of a few people",
                limit="max_cells",
                value=MAX_CELLS,
            )
        ids: dict[str, dict[CellKey, UUID]] = defaultdict(dict)
        people: dict[str, dict[CellKey, int]] = defaultdict(dict)
        for row in rows:
            plan = app.rollups[row.rollup]
            values = (json_text(row.dimensions.get(name)) for name in plan.dimension_names)
            cell_key = (row.bucket, *values)
            ids[row.rollup][cell_key] = row.cell_id
            people[row.rollup][cell_key] = _people(plan, row.metrics)
        shown: set[UUID] = set()
        for name, counts in people.items():
            lines = lines_of(longer_periods(catalog, catalog.rollups[name]))
            hidden = withheld(counts, lines, least)
            shown |= {ids[name][one] for one in counts if one not in hidden}
        return shown


def _people(plan: RollupPlan, metrics: Mapping[str, Any]) -> int:
    """How many people a stored cell is of; of a rollup that does not count them, how many events. One, if it
    has neither: then nothing says that they are enough."""
    measure = people_measure(plan)
    if measure:
        names = [metric.name for metric in plan.metrics if metric.measure == measure]
        return int(max(metrics.get(name, 0) for name in names))
    counts = [
        int(metrics[metric.name])
        for metric in plan.metrics
        if metric.kind is MetricKind.COUNT and metric.name in metrics
    ]
    return max(counts, default=1)


def _shown_cell(plan: RollupPlan, cell: ResultCell, least: int) -> ResultCell:
    """Without numbers of a few people or events, and those that lead to one of these by subtraction."""
    whole = {
        metric.kind: cell.metrics.get(metric.name, 0.0)
        for metric in plan.metrics
        if not metric.conditions
    }
    hidden = set()
    for metric in plan.metrics:
        if metric.kind not in (MetricKind.COUNT, MetricKind.DISTINCT) or not metric.conditions:
            continue
        count = cell.metrics.get(metric.name, 0.0)
        others = whole.get(metric.kind, count) - count
        if is_few(round(count), least) or is_few(round(others), least):
            hidden.add(metric.name)
    hidden |= {
        metric.name
        for metric in plan.metrics
        if metric.kind is MetricKind.DIFFERENCE and not hidden.isdisjoint(metric.of)
    }
    return _without(cell, hidden)


async def _judges(
    connection: AsyncConnection,
    catalog: Catalog,
    app: AppPlan,
    cells: Sequence[ResultCell],
    least: int,
) -> Mapping[str, tuple[NamedMetric, MetricJudge]]:
    """By the name of each metric that the rows have."""
    rows = [cell for cell in cells if cell.rollup == METRICS]
    names = {name.split(".")[0] for cell in rows for name in cell.metrics}
    found = {}
    for name in sorted(names & catalog.metrics.keys()):
        metric = catalog.metrics[name]
        judge = MetricJudge(app, metric, least)
        spans = {cell.bucket: _span(metric, cell.bucket) for cell in rows}
        await judge.read(connection, catalog, spans.values())
        found[name] = metric, judge
    return found


def _span(metric: NamedMetric, start: datetime) -> Span:
    """The period of a metric that begins then."""
    [span] = periods_in(metric.period, start, start + timedelta(seconds=1), 1)
    return span


def _shown_metrics(
    cell: ResultCell, judges: Mapping[str, tuple[NamedMetric, MetricJudge]]
) -> ResultCell:
    """Without the metrics that are withheld, and those that the catalog does not have any more."""
    hidden = set()
    for name in {name.split(".")[0] for name in cell.metrics}:
        parts = {one: value for one, value in cell.metrics.items() if one.startswith(f"{name}.")}
        if name in judges:
            metric, judge = judges[name]
            span = _span(metric, cell.bucket)
            answer = Answer(
                cell.metrics.get(name),
                {one.removeprefix(f"{name}."): value for one, value in parts.items()},
                round(parts.get(f"{name}.data_points", 0)),
            )
            if not judge.withholds(span, cell.dimensions, answer, must_be_known=True):
                continue
        hidden |= {name, *parts}
    return _without(cell, hidden)


def _shown_cohort(cell: ResultCell, end: datetime, least: int) -> ResultCell:
    """Without the numbers of a few people of a cohort, and without all of a cohort that is that small; and
    without shares of a day that was not over for all of them at the `end`: of how many, nothing says."""
    people = cell.metrics.get("people", 0.0)
    if is_few(round(people), least):
        return _without(cell, cell.metrics.keys())
    hidden = set()
    active = round(cell.metrics.get("active", 0.0))
    if is_few(active, least) or is_few(round(people) - active, least):
        hidden |= {"active", "retention"}
    for name, share in cell.metrics.items():
        if day := _DAY_SHARE(name):
            back = round(share * people)
            over = cell.bucket + _WEEK + timedelta(days=int(day[1]))
            if over > end or is_few(back, least) or is_few(round(people) - back, least):
                hidden.add(name)
    return _without(cell, hidden)


def _without(cell: ResultCell, names: Set[str]) -> ResultCell:
    metrics = {name: value for name, value in cell.metrics.items() if name not in names}
    return replace(cell, metrics=metrics)
