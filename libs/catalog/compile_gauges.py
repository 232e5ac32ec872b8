"""Compiles the gauges of a catalog: who is there now, by what was seen of them last."""

from collections.abc import Mapping
from types import MappingProxyType

from libs.catalog.compile_metric_kinds import compile_conditions
from libs.catalog.compile_rollups import (
    check_not_sealed,
    compile_dimensions,
    compile_selection,
    declared_properties,
)
from libs.catalog.durations import DAY
from libs.catalog.model import Dimension, EventChoice, EventType, Gauge
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.source import Source, SourceKind

# So long Redis keeps what was last seen of a person.
_LONGEST_SECONDS = 7 * DAY
_SESSION = Source(SourceKind.ENVELOPE, ("session_id",))
_KEYS = {"subject": Source(SourceKind.SUBJECT, ("subject",)), "session_id": _SESSION}
_OF_ALL = ("description", "key", "by")
_OF_WINDOWS = ("seen", "within")
_OF_STAYS = ("enter", "leave", "alive", "silence", "exclusive")


def compile_gauges(
    section: Section,
    events: Mapping[str, EventType],
    words: Mapping[str, str],
    activity: frozenset[str] | None,
) -> Mapping[str, Gauge]:
    """The gauges by name. `words` are the sources that the app has its own word for, by that word."""
    gauges = {}
    for name, entry in section.children():
        entry.check_name("gauge", name)
        if entry.has("seen") or entry.has("within"):
            entry.only((*_OF_ALL, *_OF_WINDOWS))
            gauges[name] = _window(name, entry, events, words, activity)
        else:
            entry.only((*_OF_ALL, *_OF_STAYS))
            gauges[name] = _stay(name, entry, events, words)
    return MappingProxyType(gauges)


def _window(
    name: str,
    entry: Section,
    events: Mapping[str, EventType],
    words: Mapping[str, str],
    activity: frozenset[str] | None,
) -> Gauge:
    """Those of whom an event was received lately."""
    node = entry.values.get("seen")
    if node is not None and node.value == "activity":
        active = frozenset(events) if activity is None else activity
        seen = EventChoice(active - _without_moment(events))
    else:
        seen = _choice(entry, "seen", words, events)
    return Gauge(
        name=name,
        description=entry.text("description", ""),
        enters=(seen,),
        leaves=(),
        key=_key(entry, words),
        by=_by(entry, words, seen.events, events),
        silence_seconds=_silence(entry, "within"),
        exclusive=False,
        by_receipt=True,
    )


def _stay(
    name: str, entry: Section, events: Mapping[str, EventType], words: Mapping[str, str]
) -> Gauge:
    """Those who entered, and neither left nor were silent for long."""
    enter, leave = (_choice(entry, key, words, events) for key in ("enter", "leave"))
    if not (enter.conditions and leave.conditions):
        for event in sorted(enter.events & leave.events):
            entry.complain(
                f"`{event}` can either enter or leave, unless both have an `if`", "leave"
            )
    # A sign of life says enough: it need not be remembered who entered long ago.
    enters = (enter, _choice(entry, "alive", words, events)) if entry.has("alive") else (enter,)
    by = _by(entry, words, leave.events.union(*(each.events for each in enters)), events)
    exclusive = entry.flag("exclusive")
    if exclusive and not by:
        entry.complain(
            "`exclusive` needs `by`: entering at one of its values is leaving the others"
        )
    return Gauge(
        name=name,
        description=entry.text("description", ""),
        enters=enters,
        leaves=(leave,),
        key=_key(entry, words),
        by=by,
        silence_seconds=_silence(entry, "silence"),
        exclusive=exclusive,
        by_receipt=False,
    )


def _choice(
    entry: Section, key: str, words: Mapping[str, str], events: Mapping[str, EventType]
) -> EventChoice:
    """Names and patterns, or a mapping of these under `events` and conditions under `if`."""
    node = entry.values.get(key)
    if node is None:
        entry.complain(f"`{key}` is missing: names and patterns of events")
        return EventChoice(frozenset())
    if not isinstance(node.value, Mapping):
        return EventChoice(_selection(entry, key, events))
    choice = entry.child(key)
    choice.only(("events", "if"))
    if not choice.texts("events"):
        choice.complain("`events` is missing: names and patterns of events")
        return EventChoice(frozenset())
    selected = _selection(choice, "events", events)
    conditions = compile_conditions(choice.child("if"), words, selected)
    for condition in conditions:
        _check_declared(choice, "if", condition.source, selected, events)
    return EventChoice(selected, conditions)


def _selection(entry: Section, key: str, events: Mapping[str, EventType]) -> frozenset[str]:
    selected = compile_selection(entry, key, events)
    for name in sorted(selected & _without_moment(events)):
        entry.complain(f"`{name}` is counts-only: of its time only the day is kept", key)
    return selected


def _without_moment(events: Mapping[str, EventType]) -> frozenset[str]:
    """The events that do not say when a person was there."""
    return frozenset(name for name, event in events.items() if event.counts_only)


def _key(entry: Section, words: Mapping[str, str]) -> Source:
    word = entry.text("key", "subject")
    source = _KEYS.get(words.get(word, word))
    if source is None:
        entry.complain(f"`{word}` is neither `subject` nor `session_id`", "key")
        return _KEYS["subject"]
    return source


def _by(
    entry: Section,
    words: Mapping[str, str],
    selected: frozenset[str],
    events: Mapping[str, EventType],
) -> tuple[Dimension, ...]:
    found = compile_dimensions(entry, "by", words)
    for dimension in found:
        if dimension.source.kind is SourceKind.SUBJECT or dimension.source == _SESSION:
            entry.complain("a gauge is not split by single people or sessions", "by")
        _check_declared(entry, "by", dimension.source, selected, events)
    return found


def _check_declared(
    entry: Section,
    key: str,
    source: Source,
    selected: frozenset[str],
    events: Mapping[str, EventType],
) -> None:
    """All events have to declare the property: else a person could enter by it and not leave."""
    if source.kind is not SourceKind.PROPERTY:
        return
    check_not_sealed(entry, key, source, selected, events)
    for event in sorted(selected):
        names = declared_properties(events[event])
        if source.path[0] not in names:
            hint = did_you_mean(source.path[0], names)
            entry.complain(f"`{event}` does not declare `{source}`{hint}", key)


def _silence(entry: Section, key: str) -> int:
    if not entry.has(key):
        entry.complain(f"`{key}` is missing: a length of time such as 5m")
    seconds = entry.seconds(key, _LONGEST_SECONDS)
    if seconds > _LONGEST_SECONDS:
        entry.complain("must be at most 7d", key)
    return seconds
