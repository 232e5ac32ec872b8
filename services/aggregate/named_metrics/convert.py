"""Requests for metrics, and their answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson
from weir.aggregate.v1 import metric_pb2 as pb

from libs.catalog import Catalog, NamedKind, NamedMetric, SourceKind
from libs.common.clock import Clock, moment_of
from libs.common.errors import InvalidArgument
from services.aggregate.convert import completeness, zoned_time
from services.aggregate.events.convert import frame_of
from services.aggregate.named_metrics.model import MetricValue, Place, Span
from services.aggregate.named_metrics.spans import newest_ended, periods_in
from services.aggregate.plan_lookup import not_declared
from services.aggregate.rollups.convert import filter_value

MAX_PERIODS = 10_000
_TOTALS = frozenset({NamedKind.VALUE, NamedKind.RATIO})


def metric_of(catalog: Catalog, name: str) -> NamedMetric:
    """The metric of this name. Raises NotFound, InvalidArgument for a gauge."""
    metric = catalog.metrics.get(name)
    if metric is None:
        if name in catalog.gauges:
            raise InvalidArgument("is a gauge: QueryGauges answers it", field="metric")
        raise not_declared("metric", name, catalog.metrics)
    return metric


def check_subject(request: pb.GetMetricRequest, metric: NamedMetric) -> None:
    """Raises InvalidArgument if the request names no person, or one that the metric is not about."""
    if metric.is_personal and not request.subject_id:
        raise InvalidArgument("is required: the metric is of single people", field="subject_id")
    if request.subject_id and not metric.is_personal:
        raise InvalidArgument("the metric is of no single person", field="subject_id")
    if "\x00" in request.subject_id:
        raise InvalidArgument("must not contain U+0000", field="subject_id")


def asked_spans(request: pb.GetMetricRequest, metric: NamedMetric, clock: Clock) -> list[Span]:
    """The spans that the request asks values of. Raises InvalidArgument."""
    now = moment_of(clock.now_us())
    if request.HasField("time"):
        start, end = frame_of(request, clock)
        spans = periods_in(metric.period, start, min(end, now), MAX_PERIODS + 1)
        if len(spans) > MAX_PERIODS:
            raise InvalidArgument(f"has more than {MAX_PERIODS:,} periods", field="time")
    else:
        spans = [newest_ended(metric.period, now)]
    if not request.total:
        return spans
    if metric.kind not in _TOTALS or metric.has_window:
        raise InvalidArgument("is for the kinds value and ratio without a window", field="total")
    return [Span(spans[0].start, spans[-1].end)] if spans else []


def asked_filters(
    request: pb.GetMetricRequest, metric: NamedMetric, catalog: Catalog
) -> Sequence[tuple[str, str]]:
    """The dimension values that the request asks for, as JSON. Raises InvalidArgument."""
    kinds: Mapping[str, SourceKind] = {}
    if metric.terms:
        rollup = catalog.rollups[metric.terms[0].rollup]
        kinds = {dimension.name: dimension.source.kind for dimension in rollup.dimensions}
    found = []
    for name, value in sorted(request.dimensions.fields.items()):
        if name not in metric.by:
            raise InvalidArgument(
                f"the metric's dimensions are: {', '.join(metric.by) or 'none'}",
                field="dimensions",
                metadata={"dimension": name},
            )
        found.append((name, orjson.dumps(filter_value(value, kinds[name])).decode()))
    return found


def read_cursor(start: str, end: str, number: int, dimensions: str) -> tuple[list[datetime], Place]:
    """The frame and place of a page token. Raises ValueError or TypeError for values that it never has."""
    if not isinstance(orjson.loads(dimensions or "{}"), dict) or int(number) < 0:
        raise ValueError("no place")
    return [zoned_time(start), zoned_time(end)], (int(number), dimensions)


def value_message(value: MetricValue, *, is_final: bool) -> pb.MetricValue:
    """One value."""
    message = pb.MetricValue(
        value=value.answer.value,
        breakdown=value.answer.breakdown,
        data_points=value.answer.data_points,
        confidence=pb.Confidence.Name(value.confidence),
        completeness=completeness(is_final),
    )
    message.period_start.FromDatetime(value.span.start)
    message.period_end.FromDatetime(value.span.end)
    message.dimensions.update(value.dimensions)
    return message
