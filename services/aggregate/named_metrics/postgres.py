"""Reads metrics from Postgres: the numbers of rollups, over a connection of the caller."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.catalog import Metric, NamedKind, Term
from services.aggregate.model import Measure
from services.aggregate.named_metrics.confidence import valued
from services.aggregate.named_metrics.evaluate import came_back, churn, evaluate, read_metrics
from services.aggregate.named_metrics.model import (
    NO_DIMENSIONS,
    Answer,
    Counted,
    MetricPage,
    MetricQuery,
    MetricValue,
    Place,
    Span,
)
from services.aggregate.named_metrics.spans import buckets_begun, spans_of
from services.aggregate.named_metrics.sql import Asked, Statement, kinds_of, merged_bins

# What one term came to at a place, by span and measure.
_Found = dict[Place, dict[tuple[int, str], Counted]]


class RollupMetrics:
    """Metrics that are made of rollups, in one state of the tables: that of the connection's transaction.
    An average is over the buckets that have begun by `now`."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self._connection = connection
        self._now = now

    async def page(self, query: MetricQuery) -> MetricPage:
        """Values after `query.after`, `query.limit` at most. One that is split by no dimension has a value
        for each span, whether there is anything in it or not."""
        if query.metric.kind in (NamedKind.RETENTION, NamedKind.CHURN):
            answers, reach = await self._people(query)
        else:
            answers, reach = await self._numbers(query)
        end = _end(query)
        if query.metric.by:
            places = sorted(place for place in answers if reach is None or place < reach)
        else:
            # There is at most one group for each span, so none was left out.
            reach = None
            first = query.after[0] + (query.after[1] >= NO_DIMENSIONS)
            places = [(number, NO_DIMENSIONS) for number in range(first, end)]
        taken = places[: query.limit]
        values = [self._value(query, place, answers.get(place)) for place in taken]
        following: Place | None = None
        if len(taken) < len(places) or reach is not None:
            following = taken[-1]
        elif end < len(query.spans):
            following = (end, "")
        return MetricPage(values, following)

    def _value(self, query: MetricQuery, place: Place, answer: Answer | None) -> MetricValue:
        if answer is None:
            answer = self._evaluated(query, place, [{} for _ in query.metric.terms])
        return valued(query, place, answer)

    async def _numbers(self, query: MetricQuery) -> tuple[dict[Place, Answer], Place | None]:
        """The answers by place, and from which place on there may be more."""
        found: list[_Found] = []
        reaches: list[Place] = []
        for term in query.metric.terms:
            of_term: _Found = defaultdict(dict)
            metrics = read_metrics(query.app.rollups[term.rollup], term.metric)
            for group in kinds_of(metrics):
                reach = await self._read(query, term, group, of_term)
                if reach is not None:
                    reaches.append(reach)
            found.append(of_term)
        places = set().union(*found)
        answers = {
            place: self._evaluated(query, place, [one.get(place, {}) for one in found])
            for place in places
        }
        return answers, min(reaches, default=None)

    def _evaluated(
        self, query: MetricQuery, place: Place, numbers: Sequence[dict[tuple[int, str], Counted]]
    ) -> Answer:
        metric = query.metric
        if metric.kind is NamedKind.RETENTION:
            return came_back(0, 0)
        if metric.kind is NamedKind.CHURN:
            return churn(0, 0)
        plans = [query.app.rollups[term.rollup] for term in metric.terms]
        parts = [
            read_metrics(plan, term.metric) for plan, term in zip(plans, metric.terms, strict=True)
        ]
        buckets = 0
        if metric.kind is NamedKind.AVERAGE:
            buckets = buckets_begun(plans[0].period, query.spans[place[0]], self._now)
        return evaluate(metric, parts, numbers, buckets)

    async def _read(
        self, query: MetricQuery, term: Term, metrics: Sequence[Metric], into: _Found
    ) -> Place | None:
        """Adds what these metrics came to; from which place on there may be more."""
        asked = _asked(query, term)
        # So that each group that is wanted is whole.
        limit = (query.limit + 1) * (1 + max(span for _, span, _ in asked)) * len(metrics) + 1
        statement = _statement(query, limit)
        by_bucket = query.metric.kind is NamedKind.AVERAGE
        sql = statement.numbers(term, metrics, asked, by_bucket=by_bucket)
        rows = (await self._connection.execute(text(sql), statement.parameters)).all()
        for row in rows:
            into[row.value, row.dimensions][row.span, row.metric] = _counted(row)
        return _reach(rows, limit)

    async def _people(self, query: MetricQuery) -> tuple[dict[Place, Answer], Place | None]:
        limit = query.limit + 2
        statement = _statement(query, limit)
        terms = query.metric.terms
        is_churn = query.metric.kind is NamedKind.CHURN
        if is_churn:
            sql = statement.churn(terms[0], _asked(query, terms[0]))
        else:
            later = _asked(query, terms[1])
            days = query.metric.after_days
            earlier = [
                (value, span, Span(each.start - timedelta(days), each.end - timedelta(days)))
                for value, span, each in later
            ]
            sql = statement.retention(terms[0], terms[1], earlier, later, days)
        rows = (await self._connection.execute(text(sql), statement.parameters)).all()
        answer = churn if is_churn else came_back
        found = {(row.value, row.dimensions): answer(row.people, row.stayed) for row in rows}
        return found, _reach(rows, limit)


def _statement(query: MetricQuery, limit: int) -> Statement:
    statement = Statement(query.app, query.metric.by, query.filters)
    statement.parameters |= {
        "after_value": query.after[0],
        "after_dimensions": query.after[1],
        "limit": limit,
    }
    return statement


def _asked(query: MetricQuery, term: Term) -> list[Asked]:
    """The spans of a term, of the values that can still come."""
    return [
        (value, number, span)
        for value in range(query.after[0], _end(query))
        for number, span in enumerate(spans_of(query.metric, term, query.spans[value]))
    ]


def _end(query: MetricQuery) -> int:
    """Before which span a page ends at the latest."""
    return min(len(query.spans), query.after[0] + query.limit + 1)


def _reach(rows: Sequence[Any], limit: int) -> Place | None:
    """Where rows end because of their limit: the last group may not be whole."""
    return (rows[-1].value, rows[-1].dimensions) if len(rows) == limit else None


def _counted(row: Any) -> Counted:
    if not hasattr(row, "total"):
        return Counted(Measure(row.count, None, None, None), row.points)
    measure = Measure(
        row.count,
        row.total,
        row.minimum,
        row.maximum,
        merged_bins(row.bins),
        row.first_number,
        row.last_number,
    )
    return Counted(measure, row.points)
