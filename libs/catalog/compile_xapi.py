"""Compiles the section `xapi`: which events are statements about learning, and how."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from libs.catalog.compile_metric_kinds import read_source
from libs.catalog.compile_rollups import check_declared
from libs.catalog.model import EventType
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.source import Source, SourceKind
from libs.catalog.xapi import (
    Template,
    Xapi,
    XapiActivity,
    XapiDuration,
    XapiResult,
    XapiScore,
    XapiStatement,
)

# An absolute IRI (RFC 3987), as far as a misspelt one is found.
_IRI = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*:[^\s<>"{}|\\^`]+""")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_UNITS = {"seconds": 1, "milliseconds": 1_000}
_LIMIT = 1e12


def compile_xapi(
    section: Section, events: Mapping[str, EventType], words: Mapping[str, str]
) -> Xapi | None:
    """The section; None if the catalog has none."""
    section.only(("home_page", "language", "verbs", "activities", "statements"))
    if not section.values:
        return None
    verbs = {name: _iri(section.child("verbs"), name) for name in section.child("verbs").values}
    activities = {
        name: _activity(entry, words) for name, entry in section.child("activities").children()
    }
    statements = {}
    for name, entry in section.child("statements").children():
        if name in events:
            statements[name] = _statement(entry, name, events, words, verbs, activities)
        else:
            hint = did_you_mean(name, events)
            section.child("statements").complain(f"no event `{name}`{hint}", name)
    return Xapi(
        _iri(section, "home_page"), section.text("language", "en"), MappingProxyType(statements)
    )


def _activity(entry: Section, words: Mapping[str, str]) -> XapiActivity:
    entry.only(("id", "type"))
    text = entry.text("id")
    parts: list[str | Source] = []
    for place, part in enumerate(_PLACEHOLDER.split(text)):
        if place % 2 == 0:
            parts += [part] if part else []
        elif (source := _source(entry, "id", part, words)) is not None:
            parts.append(source)
    if text and not _IRI.fullmatch(_PLACEHOLDER.sub("x", text)):
        entry.complain("must be an absolute IRI, such as https://x.example/{properties.id}", "id")
    return XapiActivity(tuple(parts), _iri(entry, "type") if entry.has("type") else "")


def _statement(
    entry: Section,
    event: str,
    events: Mapping[str, EventType],
    words: Mapping[str, str],
    verbs: Mapping[str, str],
    activities: Mapping[str, XapiActivity],
) -> XapiStatement:
    entry.only(("verb", "object", "parent", "grouping", "result"))
    verb = entry.text("verb")
    if verb and verb not in verbs:
        entry.complain(f"no verb `{verb}`{did_you_mean(verb, verbs)}", "verb")
    if not entry.texts("object"):
        entry.complain("`object` is missing")

    def named(key: str) -> tuple[XapiActivity, ...]:
        for name in entry.texts(key):
            if name not in activities:
                entry.complain(f"no activity `{name}`{did_you_mean(name, activities)}", key)
        return tuple(activities[name] for name in entry.texts(key) if name in activities)

    objects, parent, grouping = named("object"), named("parent"), named("grouping")
    result = _result(entry.child("result"), words)
    for source in (*_sources(objects, parent, grouping), *_result_sources(result)):
        check_declared(entry, source, frozenset({event}), events)
    return XapiStatement(verb, verbs.get(verb, ""), objects, parent, grouping, result)


def _result(entry: Section, words: Mapping[str, str]) -> XapiResult:
    entry.only(("score", "success", "completion", "duration", "extensions"))
    extensions = entry.child("extensions")
    found = {}
    for iri in extensions.values:
        source = _source(extensions, iri, extensions.text(iri), words)
        if not _IRI.fullmatch(iri):
            extensions.complain("the name of an extension is an absolute IRI", iri)
        if source is not None:
            found[iri] = source
    return XapiResult(
        _score(entry.child("score"), words) if entry.has("score") else None,
        _flag(entry, "success", words),
        _flag(entry, "completion", words),
        _duration(entry.child("duration"), words) if entry.has("duration") else None,
        MappingProxyType(found),
    )


def _score(entry: Section, words: Mapping[str, str]) -> XapiScore | None:
    entry.only(("raw", "min", "max"))
    raw = _source(entry, "raw", entry.text("raw"), words)
    maximum: float | Source | None = None
    if entry.has("max"):
        is_source = isinstance(entry.values["max"].value, str)
        maximum = (
            _source(entry, "max", entry.text("max"), words)
            if is_source
            else entry.number("max", -_LIMIT, _LIMIT)
        )
    return XapiScore(raw, entry.number("min", -_LIMIT, _LIMIT), maximum) if raw else None


def _duration(entry: Section, words: Mapping[str, str]) -> XapiDuration | None:
    entry.only(_UNITS)
    if len(entry.values) != 1:
        entry.complain("is one of `seconds` and `milliseconds`")
        return None
    [unit] = entry.values
    source = _source(entry, unit, entry.text(unit), words)
    return XapiDuration(source, _UNITS.get(unit, 1)) if source else None


def _flag(entry: Section, key: str, words: Mapping[str, str]) -> bool | Source | None:
    """Always so, or a source that says it."""
    if not entry.has(key):
        return None
    if isinstance(entry.values[key].value, bool):
        return entry.flag(key)
    return _source(entry, key, entry.text(key), words)


def _source(entry: Section, key: str, text: str, words: Mapping[str, str]) -> Source | None:
    source = read_source(entry, key, text, words)
    if source is not None and (source.kind is SourceKind.SUBJECT or source.path == ("session_id",)):
        entry.complain("a statement says who by its actor only", key)
        return None
    return source


def _iri(entry: Section, key: str) -> str:
    text = entry.text(key)
    if text and not _IRI.fullmatch(text):
        entry.complain("must be an absolute IRI, such as https://x.example/verbs/read", key)
    return text


def _sources(*activities: tuple[XapiActivity, ...]) -> list[Source]:
    templates: list[Template] = [one.id for several in activities for one in several]
    return [part for template in templates for part in template if isinstance(part, Source)]


def _result_sources(result: XapiResult) -> list[Source]:
    found: list[object] = [result.success, result.completion, *result.extensions.values()]
    if result.score is not None:
        found += [result.score.raw, result.score.maximum]
    if result.duration is not None:
        found.append(result.duration.source)
    return [one for one in found if isinstance(one, Source)]
