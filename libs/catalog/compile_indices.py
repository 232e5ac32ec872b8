"""Compiles indices: numbers of a person and a day, made of weighted scores."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from libs.catalog.compile_metric_kinds import compile_conditions
from libs.catalog.compile_rollups import check_declared, compile_selection
from libs.catalog.metric import Conditions
from libs.catalog.metric_model import Component, ComponentKind, ConfidenceRule, Threshold
from libs.catalog.metric_terms import TermReader
from libs.catalog.model import EventType
from libs.catalog.period import Period
from libs.catalog.reader import Section
from libs.catalog.source import Source, SourceKind, parse_source

_FULL_SCORE = Decimal(100)
_MOST_DAYS = 31
_HIGH_DATA_POINTS, _MEDIUM_DATA_POINTS = 20, 5
_KINDS = tuple(str(kind) for kind in ComponentKind)


class Missing(StrEnum):
    """What becomes of a component without any event."""

    # The weights of the others are scaled up.
    RESCALE = "rescale"
    ZERO = "zero"


def compile_index(
    section: Section,
    terms: TermReader,
    events: Mapping[str, EventType],
    words: Mapping[str, str],
) -> tuple[tuple[Component, ...], bool]:
    """The components, and whether a missing one is a zero."""
    section.only(("missing", "components"))
    missing = section.choice("missing", Missing, Missing.RESCALE)
    entries = section.child("components")
    found = [
        component
        for name, entry in entries.children()
        if (component := _component(name, entry, terms, events, words)) is not None
    ]
    if not entries.values:
        entries.complain("at least one component is needed")
    elif len(found) == len(entries.values) and sum(one.weight for one in found) != 1:
        entries.complain("the weights must add up to 1")
    return tuple(found), missing is Missing.ZERO


def compile_confidence(section: Section, components: int) -> ConfidenceRule:
    """The thresholds that are declared; by default 20 data points and all components are high, 5 medium."""
    section.only(("high", "medium"))
    return ConfidenceRule(
        _threshold(section.child("high"), components, Threshold(components, _HIGH_DATA_POINTS)),
        _threshold(section.child("medium"), components, Threshold(0, _MEDIUM_DATA_POINTS)),
    )


def _threshold(section: Section, components: int, default: Threshold) -> Threshold:
    section.only(("components", "data_points") if components else ("data_points",))
    least = section.whole("components", 0, components)
    points = section.whole("data_points", 0, 1_000_000_000)
    return Threshold(
        default.components if least is None else least,
        default.data_points if points is None else points,
    )


def _component(
    name: str,
    entry: Section,
    terms: TermReader,
    events: Mapping[str, EventType],
    words: Mapping[str, str],
) -> Component | None:
    kinds = [key for key in entry.values if key in _KINDS]
    if len(kinds) != 1:
        entry.complain(f"a component is of one kind: {', '.join(_KINDS)}")
        return None
    kind = ComponentKind(kinds[0])
    weight = _decimal(entry, "weight", 1)
    match kind:
        case ComponentKind.ACTIVE_DAYS:
            entry.only(("weight", "active_days", "of"))
            days = _decimal(entry, "of", _MOST_DAYS)
            term = TermReader(entry, terms.rollups, Period.DAY, ()).people(
                "active_days", Period.DAY
            )
            active = term[0] if term else None
            return Component(name, weight, kind, days, active=active, days=int(days))
        case ComponentKind.COUNT:
            entry.only(("weight", "count", "if", "target"))
            names = compile_selection(entry, "count", events)
            target = _decimal(entry, "target", 1_000_000)
            conditions = _conditions(entry.child("if"), words, names, events)
            return Component(name, weight, kind, target, names, conditions)
    entry.only(("weight", "mean", "events", "if", "prefer", "target"))
    names = compile_selection(entry, "events", events)
    if not names:
        entry.complain("`events` is missing")
    source = _property(entry)
    if source is not None:
        check_declared(entry, source, names, events)
    return Component(
        name,
        weight,
        kind,
        _decimal(entry, "target", 1_000_000) if entry.has("target") else _FULL_SCORE,
        names,
        _conditions(entry.child("if"), words, names, events),
        source.path if source else (),
        _conditions(entry.child("prefer"), words, names, events),
    )


def _property(entry: Section) -> Source | None:
    try:
        source = parse_source(entry.text("mean"))
    except ValueError as error:
        entry.complain(str(error), "mean")
        return None
    if source.kind is not SourceKind.PROPERTY:
        entry.complain(f"a mean is of a property, and `{source}` is none", "mean")
    return source


def _conditions(
    section: Section,
    words: Mapping[str, str],
    names: frozenset[str],
    events: Mapping[str, EventType],
) -> Conditions:
    found = compile_conditions(section, words, names)
    for condition in found:
        if condition.source.kind is not SourceKind.PROPERTY:
            section.complain(f"`{condition.source}` is no property")
        check_declared(section, condition.source, names, events)
    return found


def _decimal(entry: Section, key: str, high: float) -> Decimal:
    """A number of more than 0, exactly as it is written."""
    if not entry.has(key):
        entry.complain(f"`{key}` is missing")
        return _FULL_SCORE
    number = entry.number(key, 0, high)
    if number == 0:
        entry.complain("must be more than 0", key)
    return Decimal(repr(number)) if number else _FULL_SCORE
