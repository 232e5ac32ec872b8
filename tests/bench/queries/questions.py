"""What is asked: the service by its calls, as users ask it, and DuckDB in SQL. Answers of both have the same
form, so that they can be compared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from weir.aggregate.v1 import aggregate_service_pb2, behaviour_pb2, event_query_pb2, metric_pb2
from weir.aggregate.v1.time_frame_pb2 import TimeFrame

from tests.bench.queries import duckdb_sql
from tests.bench.queries.answers import Answer, Form
from tests.bench.queries.catalog import APP, PERSONAL_METRIC, ROLLUP
from tests.bench.queries.generator import DAYS, START, subject_id
from tests.bench.queries.stack import Service

PAGE = 100
_BEHAVIOUR_MS, _PAGE_MS = 1_500, 100
_WINDOW = timedelta(days=7)
_GAP = timedelta(minutes=30)
_WEEK = timedelta(days=7)
_LEAST_AMOUNT = 400
# The generator has this person there on every day.
_PERSON = subject_id(0)


@dataclass(frozen=True, slots=True)
class Question:
    """`ask` answers it, from all people if its second argument says so. `below_ms` is what p95 should be
    below; `is_behaviour` says that it should also not be slower than so many times DuckDB."""

    name: str
    ask: Callable[[Service, bool], Answer]
    form: Form
    statement: str
    parameters: Mapping[str, object]
    below_ms: float | None = _BEHAVIOUR_MS
    is_behaviour: bool = True


@dataclass(frozen=True, slots=True)
class Frame:
    """A time that is asked for."""

    start: datetime
    end: datetime

    @property
    def parameters(self) -> Mapping[str, object]:
        """As DuckDB takes it."""
        return {"start": self.start, "end": self.end}

    @property
    def message(self) -> TimeFrame:
        """As the service takes it."""
        frame = TimeFrame()
        getattr(frame.between, "from").FromDatetime(self.start)
        frame.between.to.FromDatetime(self.end)
        return frame


def days(first: int, past: int) -> Frame:
    """From a day of the generator until before another."""
    return Frame(START + timedelta(days=first), START + timedelta(days=past))


# With enough behind them for the window of the last ones.
_MONTH = days(54, 84)
_LAST_WEEK = days(77, 84)
_TWELVE_WEEKS = days(7, DAYS)


def questions() -> list[Question]:
    """All of them, in the order in which they are asked."""
    paths = {**_MONTH.parameters, "from": "stream", "gap": _GAP}
    purchases = {**_LAST_WEEK.parameters, "name": "purchase", "amount": _LEAST_AMOUNT}
    person = {**_MONTH.parameters, "person": _PERSON}
    by_event = {**_TWELVE_WEEKS.parameters, "entry": "session", "active": "view"}
    del by_event["end"]
    cohorts = Form(keys=2, people=1)
    return [
        Question(
            "rollup_page",
            _rollup_page,
            Form(2),
            duckdb_sql.ROLLUP_PAGE,
            _MONTH.parameters,
            _PAGE_MS,
            False,
        ),
        Question(
            "personal_metric",
            _personal_metric,
            Form(2),
            duckdb_sql.PERSONAL_METRIC,
            person,
            None,
            False,
        ),
        Question(
            "event_page", _event_page, Form(1), duckdb_sql.EVENT_PAGE, purchases, _PAGE_MS, False
        ),
        # Four fifths of all events, and a quarter.
        _funnel("funnel", ("view", "engagement", "purchase")),
        _funnel("funnel_rare", ("stream", "purchase", "session")),
        _funnel("funnel_filtered", ("view", "engagement", "purchase"), _LEAST_AMOUNT),
        Question("cohorts", _cohorts, cohorts, duckdb_sql.COHORTS, {"start": _TWELVE_WEEKS.start}),
        Question(
            "cohorts_by_event", _cohorts_by_event, cohorts, duckdb_sql.COHORTS_BY_EVENT, by_event
        ),
        Question("paths", _paths, Form(keys=3, people=1), duckdb_sql.PATHS, paths),
    ]


def _funnel(name: str, steps: Sequence[str], least_amount: int | None = None) -> Question:
    parameters: dict[str, object] = {"window": _WINDOW, **_MONTH.parameters}
    parameters |= zip(("first", "second", "third"), steps, strict=True)
    third = "true"
    if least_amount is not None:
        third = "amount > $amount"
        parameters["amount"] = least_amount
    statement = duckdb_sql.FUNNEL.format(third=third)
    ask = partial(_ask_funnel, steps, _amount_filter(least_amount))
    return Question(name, ask, Form(keys=0, people=3), statement, parameters)


def _amount_filter(least_amount: int | None) -> str:
    return "" if least_amount is None else f"properties.amount > {least_amount}"


def _ask_funnel(steps: Sequence[str], last_filter: str, service: Service, exact: bool) -> Answer:
    request = behaviour_pb2.QueryFunnelRequest(
        app_id=APP,
        time=_MONTH.message,
        steps=[behaviour_pb2.Step(name=name) for name in steps],
        window=_WINDOW,
        exact=exact,
    )
    request.steps[-1].filter = last_filter
    answer = service.calls.QueryFunnel(request)
    found = answer.total.steps
    medians = [step.median_from_previous.ToMicroseconds() for step in found[1:]]
    return _sampled([(*(step.people for step in found), *medians)], answer)


def _cohorts(service: Service, exact: bool) -> Answer:
    return _ask_cohorts(service, behaviour_pb2.QueryCohortsRequest(exact=exact))


def _cohorts_by_event(service: Service, exact: bool) -> Answer:
    entry = behaviour_pb2.Step(name="session")
    request = behaviour_pb2.QueryCohortsRequest(
        exact=exact, event=entry, active_filter='name = "view"'
    )
    return _ask_cohorts(service, request)


def _ask_cohorts(service: Service, request: behaviour_pb2.QueryCohortsRequest) -> Answer:
    request.app_id = APP
    request.period = behaviour_pb2.COHORT_PERIOD_WEEK
    request.time.CopyFrom(_TWELVE_WEEKS.message)
    answer = service.calls.QueryCohorts(request)
    rows = [
        (
            cohort.start.seconds,
            cohort.start.seconds + point.offset * _WEEK.total_seconds(),
            point.active,
        )
        for cohort in answer.cohorts
        for point in cohort.points
        if point.active
    ]
    return _sampled(rows, answer)


def _paths(service: Service, exact: bool) -> Answer:
    request = behaviour_pb2.QueryPathsRequest(
        app_id=APP, time=_MONTH.message, after_event="stream", depth=3, gap=_GAP, exact=exact
    )
    answer = service.calls.QueryPaths(request)
    rows = [(row.step, row.event, row.next, row.people, row.count) for row in answer.rows]
    return _sampled(sorted(rows), answer)


def _rollup_page(service: Service, exact: bool) -> Answer:
    request = aggregate_service_pb2.QueryRollupRequest(app_id=APP, rollup=ROLLUP, page_size=PAGE)
    getattr(request, "from").FromDatetime(_MONTH.start)
    request.to.FromDatetime(_MONTH.end)
    cells = service.calls.QueryRollup(request).cells
    return Answer(
        [
            (
                cell.bucket_start.seconds,
                cell.dimensions["contentType"],
                *(cell.metrics[name] for name in ("views", "viewers", "avg_view_duration")),
            )
            for cell in cells
        ]
    )


def _personal_metric(service: Service, exact: bool) -> Answer:
    request = metric_pb2.GetMetricRequest(
        app_id=APP, metric=PERSONAL_METRIC, time=_MONTH.message, subject_id=_PERSON
    )
    values = service.calls.GetMetric(request).values
    return Answer(
        [
            (value.period_start.seconds, name, count)
            for value in values
            for name, count in sorted(value.breakdown.items())
        ]
    )


def _event_page(service: Service, exact: bool) -> Answer:
    request = event_query_pb2.ListEventsRequest(
        app_id=APP,
        time=_LAST_WEEK.message,
        filter=f'name = "purchase" AND {_amount_filter(_LEAST_AMOUNT)}',
        page_size=PAGE,
        order_by="occurred_at",
    )
    return Answer(
        [
            (
                event.event_uuid.replace("-", ""),
                event.occurred_at.ToMicroseconds(),
                event.name,
                event.subject_id,
                event.properties["amount"],
                event.properties["currency"],
            )
            for event in service.calls.ListEvents(request).events
        ]
    )


def _sampled(rows: Sequence[tuple[Any, ...]], answer: Any) -> Answer:
    return Answer(rows, round(1 / answer.reliability.sampling_rate))
