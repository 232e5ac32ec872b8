"""A catalog's rollups, compiled for folding: what to do with an event, by its name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from libs.catalog import (
    Catalog,
    Conditions,
    Dimension,
    Metric,
    MetricKind,
    Period,
    Rollup,
    Source,
    SourceKind,
    kept_names,
)
from libs.streams.errors import EntryError
from services.aggregate.gauges.plan import GaugePlan, gauge_plans

_NOT_STORED = frozenset({MetricKind.DIFFERENCE, MetricKind.ELAPSED})
_EDGES = frozenset({MetricKind.FIRST, MetricKind.LAST})
SECONDS_PATH = "occurred_at.seconds"
NANOS_PATH = "occurred_at.nanos"
EVENT_ID_PATH = "event_id"
PROPERTIES_PATH = "properties_json"
NAME_PATH = ("name",)
SESSION_PATH = "session_id"
SUBJECT_PATHS = ("subject_id", "anonymous_id")


class CatalogBehindError(EntryError):
    """An event was accepted that this process's catalogs do not have: they are older than ingest's, or
    the event was removed before this process started. Not counting it would make numbers wrong that look
    right."""


@dataclass(frozen=True, slots=True)
class MeasurePlan:
    """What is stored for some metrics of a rollup: a count without a `source`, else the distinct values of it
    (`is_distinct`) or its numbers; of these the histogram, the first and the last one only if a metric needs
    them."""

    name: str
    source: Source | None
    conditions: Conditions
    is_distinct: bool
    has_bins: bool
    has_edges: bool


@dataclass(frozen=True, slots=True)
class ElapsedPlan:
    """A rollup with those metrics only that are computed from stored events when its cells are read. A
    dimension's value is cut to `dimension_characters`."""

    rollup: Rollup
    dimension_characters: int


@dataclass(frozen=True, slots=True)
class RollupPlan:
    """One rollup. `sources` are those of its dimensions; `metrics` and `measures` are sorted by name; what
    several metrics have in common is stored once. `retention_days`: how long its cells are kept, None for no
    limit. `is_personal`: they are of single people."""

    name: str
    period: Period
    dimensions: tuple[Dimension, ...]
    dimension_names: tuple[str, ...]
    sources: tuple[Source, ...]
    metrics: tuple[Metric, ...]
    measures: tuple[MeasurePlan, ...]
    elapsed: ElapsedPlan | None
    retention_days: int | None
    is_personal: bool


@dataclass(frozen=True, slots=True)
class EventPlan:
    """One event name: the rollups and gauges that take it, the attributes of its messages that they need, and
    how many characters a value that they are split by may have in a cell."""

    rollups: tuple[RollupPlan, ...]
    gauges: tuple[GaugePlan, ...]
    event_paths: tuple[str, ...]
    enrichment_paths: tuple[str, ...]
    dimension_characters: int


@dataclass(frozen=True, slots=True)
class AppPlan:
    """One app: its rollups and gauges by name, and what to do with the events of each name. A dimension value
    in a cell has at most `dimension_characters`; events named in `kept_by_law` stay when their person is
    erased."""

    app_id: str
    dimension_characters: int
    rollups: Mapping[str, RollupPlan]
    gauges: Mapping[str, GaugePlan]
    by_event: Mapping[str, EventPlan]
    hashes_sessions: bool
    kept_by_law: frozenset[str] = frozenset()


def compile_plan(catalog: Catalog) -> AppPlan:
    """The plan of one app; every event of the catalog is in `by_event`."""
    characters = catalog.limits.dimension_characters
    rollups = {rollup.name: _rollup_plan(rollup, characters) for rollup in catalog.rollups.values()}
    gauges = gauge_plans(catalog)
    by_event = {
        event: _event_plan(
            [rollups[rollup.name] for rollup in catalog.rollups.values() if event in rollup.events],
            tuple(plan for plan in gauges.values() if event in plan.gauge.events),
            characters,
        )
        for event in catalog.events
    }
    return AppPlan(
        *(catalog.app_id, characters, rollups, gauges, by_event),
        catalog.collection.hashes_sessions,
        frozenset(kept_names(catalog)),
    )


def attribute_paths(source: Source) -> tuple[str, ...]:
    """Where a source is in a message: in the enrichment if its kind is ENRICHED, else the event."""
    match source.kind:
        case SourceKind.SUBJECT:
            return SUBJECT_PATHS
        case SourceKind.PROPERTY:
            return (PROPERTIES_PATH,)
        case SourceKind.ENVELOPE if source.path == NAME_PATH:
            # Events are grouped by name before anything else is read.
            return ()
        case SourceKind.ENVELOPE | SourceKind.ENRICHED:
            return source.path
        case SourceKind.ENTITY | SourceKind.CONTEXT | SourceKind.ATTRIBUTION:
            return (".".join((source.kind, *source.path)),)


def _rollup_plan(rollup: Rollup, dimension_characters: int) -> RollupPlan:
    metrics = tuple(sorted(rollup.metrics, key=lambda metric: metric.name))
    elapsed = tuple(metric for metric in metrics if metric.kind is MetricKind.ELAPSED)
    return RollupPlan(
        rollup.name,
        rollup.period,
        rollup.dimensions,
        tuple(dimension.name for dimension in rollup.dimensions),
        tuple(dimension.source for dimension in rollup.dimensions),
        metrics,
        tuple(_measures(metrics)),
        ElapsedPlan(replace(rollup, metrics=elapsed), dimension_characters) if elapsed else None,
        rollup.cell_retention_days,
        bool(rollup.personal_dimensions),
    )


def _measures(metrics: tuple[Metric, ...]) -> Iterable[MeasurePlan]:
    stored = [metric for metric in metrics if metric.kind not in _NOT_STORED]
    for name in sorted({metric.measure for metric in stored}):
        sharing = [metric for metric in stored if metric.measure == name]
        kinds = {metric.kind for metric in sharing}
        yield MeasurePlan(
            name,
            sharing[0].source,
            sharing[0].conditions,
            MetricKind.DISTINCT in kinds,
            MetricKind.QUANTILE in kinds,
            not kinds.isdisjoint(_EDGES),
        )


def _event_plan(
    rollups: Iterable[RollupPlan], gauges: tuple[GaugePlan, ...], dimension_characters: int
) -> EventPlan:
    rollups = tuple(rollups)
    # Dicts and not sets: the order must not change from run to run.
    event_paths = {SECONDS_PATH: None}
    enrichment_paths: dict[str, None] = {}
    sources = [source for plan in gauges for source in plan.gauge.sources]
    for rollup in rollups:
        if any(measure.has_edges for measure in rollup.measures):
            event_paths |= dict.fromkeys((NANOS_PATH, EVENT_ID_PATH))
        sources += _sources(rollup)
    for source in sources:
        enriched = source.kind is SourceKind.ENRICHED
        paths = enrichment_paths if enriched else event_paths
        paths.update(dict.fromkeys(attribute_paths(source)))
    if any(plan.of_sessions for plan in gauges):
        event_paths |= dict.fromkeys((*SUBJECT_PATHS, SESSION_PATH))
    if not all(plan.gauge.by_receipt for plan in gauges):
        event_paths[NANOS_PATH] = None
    return EventPlan(
        rollups, gauges, tuple(event_paths), tuple(enrichment_paths), dimension_characters
    )


def _sources(rollup: RollupPlan) -> Iterable[Source]:
    for dimension in rollup.dimensions:
        yield dimension.source
    for measure in rollup.measures:
        if measure.source is not None:
            yield measure.source
        for condition in measure.conditions:
            yield condition.source
