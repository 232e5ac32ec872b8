"""Which values of metrics are withheld from callers who may see aggregates only."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.catalog import Catalog, MetricKind, NamedKind, NamedMetric, Term
from services.aggregate.named_metrics.evaluate import read_metrics
from services.aggregate.named_metrics.model import (
    NO_DIMENSIONS,
    Answer,
    Confidence,
    MetricPage,
    Span,
)
from services.aggregate.named_metrics.spans import spans_of
from services.aggregate.plan import AppPlan
from services.aggregate.suppression.lines import CellKey, is_about_people
from services.aggregate.suppression.postgres import json_text, withheld_groups
from services.aggregate.suppression.tables import is_few

_COUNTS = frozenset({MetricKind.COUNT, MetricKind.DISTINCT})
_COUNTED = ("numerator", "denominator", "before", "now")


@dataclass(frozen=True, slots=True)
class _Judged:
    """The groups of a term's cells by these labels: which are withheld, and which there are."""

    labels: Sequence[str]
    hidden: Set[CellKey]
    groups: Set[CellKey]

    def of(self, span: Span, wanted: Mapping[str, str]) -> tuple[bool, bool]:
        """Whether any group with these values is withheld in the span, and whether there is any."""
        found = [
            key
            for key in self.groups
            if span.start <= key[0] < span.end
            and all(value == wanted[name] for name, value in zip(self.labels, key[1:], strict=True))
        ]
        return any(key in self.hidden for key in found), bool(found)


class MetricJudge:
    """Says which values of a metric are withheld over some spans. A value is if a group of cells that it is
    made of is: of one bucket, and split as the metric is; so no difference of values leads to one. And if it
    is itself of fewer than `least` people."""

    def __init__(self, app: AppPlan, metric: NamedMetric, least: int) -> None:
        self._app = app
        self._metric = metric
        self._least = least
        self._terms: list[_Judged | None] = []

    async def read(
        self, connection: AsyncConnection, catalog: Catalog, spans: Iterable[Span]
    ) -> None:
        """Reads what decides about values of these spans. Raises LimitExceeded."""
        spans = list(spans)
        for term in self._metric.terms:
            if not spans or not is_about_people(catalog, catalog.rollups[term.rollup]):
                self._terms.append(None)
                continue
            labels = sorted({*self._metric.by, *(name for name, _ in term.where)})
            read = [self._reach(term, span) for span in spans]
            hidden, people = await withheld_groups(
                connection,
                catalog,
                self._app.rollups[term.rollup],
                labels,
                (min(span.start for span in read), max(span.end for span in read)),
                self._least,
            )
            self._terms.append(_Judged(labels, hidden, people.keys()))

    def withholds(
        self, span: Span, dimensions: Mapping[str, Any], answer: Answer, *, must_be_known: bool
    ) -> bool:
        """Whether the value of a span and group is withheld; if it `must_be_known`, also one of whose cells
        none is left to say so."""
        if self._is_of_few(answer):
            return True
        for term, judged in zip(self._metric.terms, self._terms, strict=True):
            if judged is None:
                continue
            wanted = {name: json_text(value) for name, value in dimensions.items()}
            wanted |= {name: json_text(orjson.loads(value)) for name, value in term.where}
            withheld, known = judged.of(self._reach(term, span), wanted)
            if withheld or (must_be_known and not known and answer.data_points):
                return True
        return False

    def _is_of_few(self, answer: Answer) -> bool:
        if all(judged is None for judged in self._terms):
            return False
        parts = answer.breakdown
        match self._metric.kind:
            case NamedKind.RETENTION:
                people, back = parts["people"], parts["returned"]
                return self._few(people, back, people - back)
            case NamedKind.CHURN:
                return self._few(parts["active_before"], parts["stayed"], parts["lost"])
        counted = []
        if all(self._is_count(term) for term in self._metric.terms):
            counted = [parts[name] for name in _COUNTED if name in parts]
            if self._metric.kind is NamedKind.VALUE:
                counted.append(answer.value or 0)
        return self._few(answer.data_points, *counted)

    def _is_count(self, term: Term) -> bool:
        read = read_metrics(self._app.rollups[term.rollup], term.metric)
        return all(metric.kind in _COUNTS for metric in read)

    def _few(self, *numbers: float) -> bool:
        return any(is_few(round(number), self._least) for number in numbers)

    def _reach(self, term: Term, span: Span) -> Span:
        """From the first to the last moment that a term is read for the value of a span."""
        spans = spans_of(self._metric, term, span)
        earlier: datetime = spans[0].start - timedelta(days=self._metric.after_days)
        return Span(earlier, spans[-1].end)


def shown_page(page: MetricPage, judge: MetricJudge) -> MetricPage:
    """A page without the values that are withheld. Of a metric that is not split, the span stays, without a
    number."""
    values = []
    for value in page.values:
        if not judge.withholds(value.span, value.dimensions, value.answer, must_be_known=False):
            values.append(value)
        elif value.place[1] == NO_DIMENSIONS:
            values.append(replace(value, answer=Answer(None), confidence=Confidence.LOW))
    return MetricPage(values, page.following)
