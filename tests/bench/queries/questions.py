"""What is asked of both sides. Answers of both have the same form, so that they can be compared."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.events.filtering import compile_filter, parse_filter
from services.aggregate.behaviour.funnel.tally import FunnelTally
from services.aggregate.behaviour.funnel.walk import reached, times_of
from services.aggregate.buckets import seconds_since_epoch
from services.aggregate.model import CellQuery
from tests.bench.queries import behaviour_sql, duckdb_sql
from tests.bench.queries.cells import VIEW_DAYS, WEEKLY
from tests.bench.queries.generator import START
from tests.bench.queries.rows import APP
from tests.bench.queries.sides import PostgresSide, Rows

PAGE = 100
_WINDOW = timedelta(days=7)
_US = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Question:
    """`ask` answers it from Postgres, and the statement with its parameters from DuckDB. Only questions
    `of_behaviour` read what a layout replaces `enrich.events` by. `below_ms` is what p95 should be
    below."""

    name: str
    ask: Callable[[PostgresSide], Rows]
    statement: str
    parameters: Mapping[str, object]
    below_ms: float
    of_behaviour: bool = True


def _day(number: int) -> datetime:
    return START + timedelta(days=number)


# 30 days, with enough behind them for the window of the last ones.
_MONTH_START, _MONTH_END = _day(VIEW_DAYS.start), _day(VIEW_DAYS.stop)
_MONTH: Mapping[str, object] = {"start": _MONTH_START, "end": _MONTH_END}
_FUNNELS: Mapping[str, tuple[str, str, str]] = {
    # Three quarters of all events, and an eighth.
    "funnel": ("view", "engagement", "purchase"),
    "funnel_rare": ("stream", "purchase", "session"),
}
_TWELVE_WEEKS: Mapping[str, object] = {"start": _day(0), "end": _day(84)}
_PATHS: Mapping[str, object] = {**_MONTH, "from": "stream", "gap": timedelta(minutes=30)}
_PAGE: Mapping[str, object] = {"start": _day(77), "end": _day(84), "name": "purchase"}
_LEAST_AMOUNT = 400
_FILTER = compile_filter(parse_filter(f"properties.amount > {_LEAST_AMOUNT}"))


def questions() -> list[Question]:
    """All of them, in the order in which they are asked."""
    found = []
    for name, (first, second, third) in _FUNNELS.items():
        steps = {"first": first, "second": second, "third": third, "window": _WINDOW, **_MONTH}
        parameters = {**steps, "steps": [first, second, third]}
        found += [
            Question(f"{name}_{form}", _funnel(form, parameters), duckdb_sql.FUNNEL, steps, 1_500)
            for form in ("windows", "arrays")
        ]
    for name, statement in (
        ("cohorts_by_scan", behaviour_sql.COHORTS_BY_SCAN),
        ("cohorts_of_days", behaviour_sql.COHORTS_OF_DAYS),
        ("cohorts_of_weeks", behaviour_sql.COHORTS_OF_WEEKS),
    ):
        ask = _ask(statement, {"app": APP, "weekly": WEEKLY, **_TWELVE_WEEKS})
        by_scan = name == "cohorts_by_scan"
        found.append(Question(name, ask, duckdb_sql.COHORTS, _TWELVE_WEEKS, 1_500, by_scan))
    paths = _ask(behaviour_sql.PATHS, {"app": APP, **_PATHS})
    amount = {**_PAGE, "amount": _LEAST_AMOUNT}
    return [
        *found,
        Question("paths", paths, duckdb_sql.PATHS, _PATHS, 1_500),
        Question("event_page", _event_page, duckdb_sql.EVENT_PAGE, amount, 100, False),
        Question("rollup_page", _rollup_page, duckdb_sql.ROLLUP_PAGE, _MONTH, 100, False),
    ]


def _ask(statement: str, parameters: Mapping[str, object]) -> Callable[[PostgresSide], Rows]:
    return lambda side: side.behaviour(statement, parameters)


def _funnel(form: str, steps: Mapping[str, object]) -> Callable[[PostgresSide], Rows]:
    parameters = {"app": APP, **steps}
    if form == "windows":
        return _ask(behaviour_sql.FUNNEL_WINDOWS, parameters)

    def ask(side: PostgresSide) -> Rows:
        rows = side.behaviour(behaviour_sql.FUNNEL_ARRAYS, parameters, binary=True)
        tally = FunnelTally(3)
        for row in rows:
            tally.add(None, reached([times_of(packed) for packed in row], _WINDOW // _US))
        found = tally.table(1).total
        return [(*(step.people for step in found), *(step.median_us for step in found[1:]))]

    return ask


def _event_page(side: PostgresSide) -> Rows:
    statement = behaviour_sql.EVENT_PAGE.format(condition=_FILTER.sql)
    rows = side.events(statement, {"app": APP, **_PAGE, **_FILTER.parameters})
    return [
        (key.hex.upper(), moment, name, person, found["amount"], found["currency"])
        for key, moment, name, person, found in rows
    ]


def _rollup_page(side: PostgresSide) -> Rows:
    page = side.cells(CellQuery(APP, "views", _MONTH_START, _MONTH_END, {}, PAGE))
    rows = []
    for cell in page.cells:
        counted = cell.measures
        total = counted["avg_view_duration"].total
        rows.append(
            (
                seconds_since_epoch(cell.cursor.bucket),
                cell.dimensions["contentType"],
                counted["views"].count,
                counted["viewers"].count,
                None if total is None else int(total),
            )
        )
    return rows
