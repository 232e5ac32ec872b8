"""Compiles the rollups of a catalog, and adds the two that every app has."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from libs.catalog.compile_metric_kinds import compile_metrics, read_source
from libs.catalog.metric import NUMERIC_KINDS, Metric, MetricKind
from libs.catalog.model import Dimension, EventType, Gauge, Rollup
from libs.catalog.patterns import PatternError, resolve
from libs.catalog.period import Period
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.schema import declared_types
from libs.catalog.source import PERSON, Source, SourceKind

_NUMBER_TYPES = frozenset({"integer", "number"})


def compile_rollups(
    section: Section,
    events: Mapping[str, EventType],
    words: Mapping[str, str],
    activity: frozenset[str] | None,
) -> Mapping[str, Rollup]:
    """The rollups by name, `events` and `activity` among them. `words` are the sources that the app
    has its own word for, by that word."""
    rollups = dict(_built_in(events, activity))
    for name, entry in section.children():
        if name in rollups:
            # Retention, imports and the demo's recount stand on what these two are.
            entry.only(("description", "retention"))
            rollups[name] = replace(rollups[name], cell_retention_days=entry.days("retention"))
            continue
        rollup = _compile_rollup(name, entry, events, words)
        if rollup is not None:
            rollups[name] = rollup
    return MappingProxyType(rollups)


def compile_selection(entry: Section, key: str, events: Mapping[str, EventType]) -> frozenset[str]:
    """The event names that the names and patterns under `key` mean."""
    found: set[str] = set()
    for pattern in entry.texts(key):
        try:
            found |= resolve(pattern, events)
        except PatternError as error:
            entry.complain(str(error), key)
    return frozenset(found)


def entity_events(declared: Iterable[Rollup | Gauge]) -> frozenset[str]:
    """The names of the events of which a rollup or gauge reads the entity."""
    found: set[str] = set()
    for each in declared:
        if any(source.kind is SourceKind.ENTITY for source in each.sources):
            found |= each.events
    return frozenset(found)


def measured_properties(rollups: Mapping[str, Rollup]) -> frozenset[tuple[str, ...]]:
    """The paths of the properties of which a rollup makes a sum, an average or another number."""
    return frozenset(
        metric.source.path
        for rollup in rollups.values()
        for metric in rollup.metrics
        if metric.source is not None
        and metric.kind in NUMERIC_KINDS
        and metric.source.kind is SourceKind.PROPERTY
    )


def _built_in(
    events: Mapping[str, EventType], activity: frozenset[str] | None
) -> Mapping[str, Rollup]:
    every = frozenset(events)
    active = every if activity is None else activity
    name = Dimension("name", Source(SourceKind.ENVELOPE, ("name",)))
    people = Metric(
        "active_users",
        MetricKind.DISTINCT,
        Source(SourceKind.SUBJECT, ("subject",)),
        measure="active_users",
    )
    count = Metric("events", MetricKind.COUNT, None, measure="events")
    return {
        "events": Rollup("events", every, Period.HOUR, (name,), (count,), _longest(every, events)),
        "activity": Rollup("activity", active, Period.DAY, (), (people,), _longest(active, events)),
    }


def _compile_rollup(
    name: str, entry: Section, events: Mapping[str, EventType], words: Mapping[str, str]
) -> Rollup | None:
    entry.only(("description", "events", "exclude", "period", "dimensions", "metrics", "retention"))
    if not entry.texts("events"):
        entry.complain("`events` is missing")
    if not name.isidentifier():
        entry.complain("the name of a rollup is made of letters, digits and `_`")
    selected = compile_selection(entry, "events", events)
    selected -= compile_selection(entry, "exclude", events)
    period = entry.choice("period", Period) or Period.DAY
    dimensions = compile_dimensions(entry, "dimensions", words)
    metrics = compile_metrics(entry.child("metrics"), words, selected, events)
    kept = entry.days("retention") if entry.has("retention") else _longest(selected, events)
    rollup = Rollup(name, selected, period, dimensions, metrics, kept)
    for source in rollup.sources:
        check_declared(entry, source, selected, events)
    for metric in metrics:
        if metric.kind in NUMERIC_KINDS and metric.source is not None:
            _check_numeric(entry, metric, metric.source, selected, events)
    return rollup


def compile_dimensions(entry: Section, key: str, words: Mapping[str, str]) -> tuple[Dimension, ...]:
    """The list under `key` as dimensions with their labels."""
    own_words = {source: word for word, source in words.items()}
    found: dict[str, Dimension] = {}
    for text in entry.texts(key):
        source = read_source(entry, key, text, words)
        if source is None:
            continue
        label = source.path[-1]
        if text == PERSON:
            label = PERSON
        elif str(source) in own_words:
            label = own_words[str(source)]
        elif source.kind in (SourceKind.ENTITY, SourceKind.ATTRIBUTION):
            # `type` and `source` alone would say too little.
            label = str(source).replace(".", "_")
        if label in found:
            entry.complain(f"two dimensions have the label `{label}`", key)
        found[label] = Dimension(label, source)
    return tuple(found.values())


def check_declared(
    entry: Section, source: Source, selected: frozenset[str], events: Mapping[str, EventType]
) -> None:
    """Notes a property that no event of `selected` declares: a spelling mistake; and one that is sealed."""
    check_not_sealed(entry, None, source, selected, events)
    if source.kind is SourceKind.PROPERTY and selected:
        names = {name for event in selected for name in declared_properties(events[event])}
        if source.path[0] not in names:
            hint = did_you_mean(source.path[0], names)
            entry.complain(f"none of its events declares `{source}`{hint}")


def check_not_sealed(
    entry: Section,
    key: str | None,
    source: Source,
    selected: frozenset[str],
    events: Mapping[str, EventType],
) -> None:
    """Notes a property that is sealed in an event of `selected`: nothing can be counted by it, because
    equal values are stored as different ones."""
    if source.kind is SourceKind.PROPERTY:
        for event in sorted(selected):
            if source.path[0] in events[event].sealed:
                entry.complain(
                    f"`{source}` is sealed in `{event}`: no number or condition can read it", key
                )


def _check_numeric(
    entry: Section,
    metric: Metric,
    source: Source,
    selected: frozenset[str],
    events: Mapping[str, EventType],
) -> None:
    """All kinds but counts need numbers."""
    if source.kind is not SourceKind.PROPERTY:
        entry.complain(f"{metric.kind} needs a number, and `{source}` is a text", "metrics")
        return
    if len(source.path) > 1:
        return
    types: set[str] = set()
    for event in selected:
        properties = declared_properties(events[event])
        if source.path[0] not in properties:
            continue
        declared = declared_types(properties[source.path[0]])
        if not declared:  # it may be a number
            return
        types |= declared
    if types and not types & _NUMBER_TYPES:
        entry.complain(f"{metric.kind} needs a number, and `{source}` is none", "metrics")


def declared_properties(event: EventType) -> dict[str, object]:
    """The properties that the event declares in any of its versions."""
    found: dict[str, object] = {}
    for version in event.versions.values():
        properties = version.schema.get("properties")
        if isinstance(properties, dict):
            found.update(properties)
    return found


def _longest(names: frozenset[str], events: Mapping[str, EventType]) -> int | None:
    """How long cells over these events are kept: as long as the most patient category says."""
    periods = [events[name].category.aggregate_retention_days for name in names]
    limited = [days for days in periods if days is not None]
    return max(limited) if limited and len(limited) == len(periods) else None
