"""Compiles the metrics of a rollup: each is of one kind, which says what else it needs."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from libs.catalog.metric import (
    COUNTABLE_KINDS,
    NUMERIC_KINDS,
    Condition,
    Conditions,
    Metric,
    MetricKind,
    canonical,
)
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.source import Source, SourceKind, parse_source
from libs.catalog.yaml_nodes import Node

_KINDS = [str(kind) for kind in MetricKind]
_UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
_SHAPE = "must be `count`, or a mapping such as {sum: properties.amount}"
_NAME = Source(SourceKind.ENVELOPE, ("name",))


def compile_metrics(
    section: Section,
    words: Mapping[str, str],
    events: Collection[str],
    declared: Collection[str],
) -> tuple[Metric, ...]:
    """The metrics of a rollup over `events`, which are some of all that are `declared`. `words` are the
    sources that the app has its own word for, by that word."""
    if not section.values:
        section.complain("at least one metric is needed")
    found = []
    for name, node in section.values.items():
        if node.value == "count":
            found.append(Metric(name, MetricKind.COUNT, None))
        elif isinstance(node.value, Mapping):
            metric = _metric(name, section.child(name), words, events, declared)
            if metric is not None:
                found.append(metric)
        else:
            section.complain(_SHAPE, name)
    _check_differences(section, found)
    return tuple(_stored(found))


def _stored(metrics: Iterable[Metric]) -> Iterator[Metric]:
    """The metrics with the names of their measures."""
    by_numbers: dict[object, str] = {}
    for metric in metrics:
        if metric.kind is MetricKind.DIFFERENCE:
            yield metric
        elif metric.kind in NUMERIC_KINDS:
            numbers = metric.source, metric.conditions
            yield replace(metric, measure=by_numbers.setdefault(numbers, metric.name))
        else:
            yield replace(metric, measure=metric.name)


def _metric(
    name: str,
    entry: Section,
    words: Mapping[str, str],
    events: Collection[str],
    declared: Collection[str],
) -> Metric | None:
    kinds = [key for key in entry.values if key in _KINDS]
    if len(kinds) != 1:
        others = [key for key in entry.values if key not in ("if", "at", "since")]
        if not kinds and others:
            entry.complain(f"unknown kind of metric `{others[0]}`{did_you_mean(others[0], _KINDS)}")
        else:
            entry.complain(f"{_SHAPE}, of one kind: {', '.join(_KINDS)}")
        return None
    kind = MetricKind(kinds[0])
    known = [kinds[0]]
    if kind is MetricKind.QUANTILE:
        known.append("at")
    if kind is MetricKind.ELAPSED:
        known.append("since")
    elif kind is not MetricKind.DIFFERENCE:
        known.append("if")
    entry.only(known)
    if kind is MetricKind.DIFFERENCE:
        return Metric(name, kind, None, of=entry.texts("difference"))
    if kind is MetricKind.ELAPSED:
        return _elapsed(name, entry, declared)
    conditions = compile_conditions(entry.child("if"), words, events)
    if kind is MetricKind.COUNT:
        if entry.text("count") != "events":
            entry.complain("must be `events`: properties are counted with an `if`", "count")
        return Metric(name, kind, None, conditions)
    source = read_source(entry, kinds[0], entry.text(kinds[0]), words)
    if source is None:
        return None
    return Metric(name, kind, source, conditions, at=_share(entry, kind))


def _elapsed(name: str, entry: Section, declared: Collection[str]) -> Metric:
    unit = entry.text("elapsed")
    if unit and unit not in _UNITS:
        entry.complain(f"`{unit}` is not one of {', '.join(_UNITS)}", "elapsed")
    since = entry.text("since")
    if since and since not in declared:
        entry.complain(f"no event `{since}`{did_you_mean(since, declared)}", "since")
    return Metric(name, MetricKind.ELAPSED, None, since=since, unit_seconds=_UNITS.get(unit, 1))


def _share(entry: Section, kind: MetricKind) -> float:
    if kind is not MetricKind.QUANTILE:
        return 0.0
    if not entry.has("at"):
        entry.complain("`at` is missing: 0.5 is the median, 0.95 what 95 % do not exceed")
    return entry.number("at", 0.0, 1.0) or 0.0


def read_source(entry: Section, key: str, text: str, words: Mapping[str, str]) -> Source | None:
    """The source that `text` names; None, and a problem of `key`, if it names none."""
    if not text:
        return None
    try:
        return parse_source(words.get(text, text))
    except ValueError as error:
        entry.complain(str(error), key)
        return None


def compile_conditions(
    section: Section, words: Mapping[str, str], events: Collection[str]
) -> Conditions:
    """The conditions of a mapping such as {properties.mode: [live, 5]}, for events of `events`."""
    found: dict[Source, Condition] = {}
    for word, node in section.values.items():
        source = read_source(section, word, word, words)
        if source is None:
            continue
        if source.kind is SourceKind.SUBJECT:
            section.complain("numbers depend on no single person", word)
            continue
        if source in found:
            section.complain(f"`{source}` is there twice", word)
        values = _values(section, word, node, source, events)
        if values:
            found[source] = Condition(source, values)
    return tuple(sorted(found.values(), key=str))


def _values(
    section: Section, word: str, node: Node, source: Source, events: Collection[str]
) -> tuple[str, ...]:
    items = node.value if isinstance(node.value, tuple) else (node,)
    found = set()
    for item in items:
        value = item.value
        if not isinstance(value, str | int | float) or value == "":
            section.complain("must be a text, a number, true or false, or a list of these", word)
        elif source.kind is not SourceKind.PROPERTY and not isinstance(value, str):
            section.complain(f"`{source}` is a text: put the value in quotes", word)
        elif source == _NAME and value not in events:
            hint = did_you_mean(str(value), events)
            section.complain(f"the rollup has no event `{value}`{hint}", word)
        else:
            found.add(canonical(value))
    return tuple(sorted(found))


def _check_differences(section: Section, metrics: Collection[Metric]) -> None:
    by_name = {metric.name: metric for metric in metrics}
    for metric in metrics:
        if metric.kind is not MetricKind.DIFFERENCE:
            continue
        if len(metric.of) != 2:
            section.complain(
                "a difference is of two metrics: [active_users, new_users]", metric.name
            )
        for name in metric.of:
            other = by_name.get(name)
            if other is None:
                hint = did_you_mean(name, by_name)
                section.complain(f"the rollup has no metric `{name}`{hint}", metric.name)
            elif other.kind not in COUNTABLE_KINDS:
                section.complain(
                    f"a difference is of counts, distinct counts and sums, and `{name}` is none",
                    metric.name,
                )
