"""Which results there are, and what they are made of. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from libs.catalog import Catalog, CohortTable, NamedMetric, Period, StoringJob
from services.aggregate.buckets import bucket_start, moment, seconds_since_epoch
from services.aggregate.expiry.kept import kept_from, latest
from services.aggregate.named_metrics.dirty import first_read
from services.aggregate.named_metrics.spans import periods_in
from services.aggregate.plan import AppPlan, RollupPlan, compile_plan
from services.aggregate.results.inputs import Inputs, inputs_of
from services.aggregate.sealing import sealed_before


@dataclass(frozen=True, slots=True)
class ResultJob:
    """A job of an app's catalog: after the end of each period it stores the cells of its rollups, and the
    values of its metrics; of single people, of those who were active in the last `active_within`. Events of a
    bucket are expected until `lateness` after its end."""

    app_id: str
    name: str
    description: str
    every: Period
    cron: str
    makes_up_for_each: bool
    rollups: tuple[RollupPlan, ...]
    lateness: timedelta
    app: AppPlan
    inputs: Inputs
    cohorts: CohortTable | None
    metrics: tuple[NamedMetric, ...] = ()
    active_within: timedelta = timedelta(days=30)

    def first_input(self, period: "ResultPeriod") -> datetime:
        """From when on the result of a period reads buckets and events."""
        found = [period.start]
        if self.is_personal:
            found.append(period.end - self.active_within)
        if self.cohorts is not None:
            found.append(period.end - timedelta(weeks=self.cohorts.weeks))
        for metric in self.metrics:
            [first] = periods_in(metric.period, period.start, period.end, 1)
            found.append(first_read(metric, first))
        return min(found)

    @property
    def reads_events(self) -> bool:
        """Whether its results are made of stored events as well, not of cells alone."""
        return self.is_personal or any(plan.elapsed for plan in self.rollups)

    @property
    def is_personal(self) -> bool:
        """Whether it stores values of single people."""
        return any(metric.is_personal for metric in self.metrics)


@dataclass(frozen=True, slots=True)
class ResultPeriod:
    """From `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime


# What rows of metrics and cohorts have instead of a rollup; none has such a name.
METRICS, PEOPLE, COHORTS = ":metrics", ":people", ":cohorts"


@dataclass(frozen=True, slots=True)
class ResultCell:
    """A cell of a result, or a row of metrics: then `rollup` is METRICS, PEOPLE or COHORTS. `metrics` are
    values as a reader sees them."""

    rollup: str
    bucket: datetime
    cell_id: UUID
    dimensions: Mapping[str, Any]
    metrics: Mapping[str, float]

    @property
    def place(self) -> "Place":
        """Where it is in the order of a result's cells."""
        return self.rollup, self.bucket, self.cell_id


# By rollup, bucket and id.
Place = tuple[str, datetime, UUID]


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a result as a whole. All events received before `watermark` are in it; None if that
    was not known. `revision` is how often it has been written."""

    period: ResultPeriod
    watermark: datetime | None
    is_final: bool
    cells: int
    revision: int
    calculated_at: datetime


@dataclass(frozen=True, slots=True)
class ResultPage:
    """A result, some of its cells in their order, and whether there are more behind them. `is_personal`: it
    has values of single people. `is_outdated`: what it is made of has changed, or is to be recounted."""

    result: Result
    is_personal: bool
    is_outdated: bool
    cells: Sequence[ResultCell]
    more: bool


@dataclass(frozen=True, slots=True)
class Written:
    """How many cells a result has that was written, and whether it is final."""

    cells: int
    is_final: bool


# (app, job).
JobKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A result that is provisional."""

    app_id: str
    job: str
    period: ResultPeriod


def result_jobs(catalog: Catalog) -> Sequence[ResultJob]:
    """The jobs of a catalog."""
    plan: AppPlan = compile_plan(catalog)
    return [
        ResultJob(
            app_id=catalog.app_id,
            name=job.name,
            description=job.description or _described(job),
            every=job.every,
            cron=_cron(job.every, job.after_seconds),
            makes_up_for_each=job.catch_up == "each",
            rollups=tuple(plan.rollups[name] for name in job.rollups),
            lateness=timedelta(seconds=catalog.clock.lateness_seconds),
            app=plan,
            inputs=inputs_of(catalog, job),
            cohorts=job.cohorts,
            metrics=tuple(catalog.metrics[name] for name in job.metrics),
            active_within=timedelta(days=job.active_within_days),
        )
        for job in catalog.jobs.values()
    ]


def name_in_catalog(app_id: str, name: str) -> str:
    """A job's name in its app's catalog, of either form: that one, or the one that the runner of jobs has."""
    return name.removeprefix(f"aggregate.{app_id}.")


def is_personal(app: AppPlan, cell: ResultCell) -> bool:
    """Whether a cell may be of a single person: so also if the catalog has no such rollup any more, or none
    that is split like that."""
    if cell.rollup in (METRICS, COHORTS):
        return False
    plan = app.rollups.get(cell.rollup)
    return (
        plan is None or plan.is_personal or not cell.dimensions.keys() <= set(plan.dimension_names)
    )


def results_kept_from(catalog: Catalog, job: ResultJob | None, now: datetime) -> datetime | None:
    """Results of periods that end after it are kept: as long as any cells that they are made of; of a job
    that the catalog does not have any more, as long as any cells of the app. None for no limit."""
    if job is not None:
        days = job.inputs.longest_days
    else:
        every = [rollup.cell_retention_days for rollup in catalog.rollups.values()]
        days = None if None in every else max(one for one in every if one is not None)
    return kept_from(Period.DAY, days, now)


def is_sealed(catalog: Catalog, job: ResultJob, period: ResultPeriod, now: datetime) -> bool:
    """Whether cells or events that a result was made of may have expired, so that a fresh calculation says
    nothing of it."""
    kept = kept_from(job.every, job.inputs.shortest_days, now)
    if kept is not None and period.start < kept:
        return True
    if not job.reads_events:
        return False
    sealed = latest(
        *(sealed_before(catalog, catalog.rollups[name], now) for name in job.inputs.rollups)
    )
    return sealed is not None and job.first_input(period) < sealed


def ended_before(every: Period, due_at: datetime) -> ResultPeriod:
    """The period that ended last at `due_at`."""
    end = bucket_start(every, seconds_since_epoch(due_at))
    return ResultPeriod(moment(bucket_start(every, end - 1)), moment(end))


def _described(job: StoringJob) -> str:
    stored = [*job.rollups, *job.metrics, *(["cohorts"] if job.cohorts else [])]
    return f"Stores {', '.join(stored)} of each {job.every}."


def _cron(every: Period, after_seconds: int) -> str:
    """Weeks end on Monday, months on the first, at midnight."""
    hour, minute = after_seconds // 3_600, after_seconds // 60 % 60
    match every:
        case Period.HOUR:
            return f"{minute} * * * *"
        case Period.DAY:
            return f"{minute} {hour} * * *"
        case Period.WEEK:
            return f"{minute} {hour} * * 1"
        case Period.MONTH:
            return f"{minute} {hour} 1 * *"
