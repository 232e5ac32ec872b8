"""Works out the metrics that a job stores."""

from collections.abc import Iterable

from libs.catalog import NamedKind
from services.aggregate.named_metrics.model import Answer, MetricQuery, Span
from services.aggregate.named_metrics.people.postgres import PersonalMetrics
from services.aggregate.named_metrics.postgres import RollupMetrics
from services.aggregate.named_metrics.spans import periods_in
from services.aggregate.results.inputs import ACTIVITY
from services.aggregate.results.metric_rows import MetricRows
from services.aggregate.results.model import METRICS, PEOPLE, ResultCell, ResultJob, ResultPeriod

# More than a period has: one of hours in a month has 744.
_MOST_SPANS = 1_000


async def metric_cells(
    job: ResultJob, period: ResultPeriod, metrics: RollupMetrics
) -> Iterable[ResultCell]:
    """The values of the job's metrics that are not of single people."""
    rows = MetricRows(METRICS)
    for metric in job.metrics:
        if metric.is_personal:
            continue
        spans = periods_in(metric.period, period.start, period.end, _MOST_SPANS)
        query = MetricQuery(job.app, metric, spans)
        while True:
            page = await metrics.page(query)
            for value in page.values:
                rows.add(
                    metric.name,
                    value.span.start,
                    value.dimensions,
                    value.answer,
                    metric.confidence,
                )
            if page.following is None:
                break
            query = MetricQuery(job.app, metric, spans, after=page.following)
    return rows.cells()


async def personal_cells(
    job: ResultJob, period: ResultPeriod, metrics: PersonalMetrics
) -> Iterable[ResultCell]:
    """The values of the job's metrics of single people: a row for each who was active in the job's time,
    whether they did anything in the period or not."""
    rows = MetricRows(PEOPLE)
    day = Span(period.start, period.end)
    people = await metrics.people(ACTIVITY, Span(period.end - job.active_within, period.end))
    for metric in job.metrics:
        if metric.is_personal:
            answers = await metrics.answers(metric, day)
            nothing = Answer(None if metric.kind is NamedKind.INDEX else 0.0)
            for person in sorted({*people, *answers}):
                answer = answers.get(person, nothing)
                rows.add(metric.name, day.start, {"person": person}, answer, metric.confidence)
    return rows.cells()
