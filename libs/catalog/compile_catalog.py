"""Compiles the text of one catalog file."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from libs.catalog.collection import compile_collection
from libs.catalog.compile_behaviours import compile_behaviours
from libs.catalog.compile_enrichment import compile_enrichment
from libs.catalog.compile_events import compile_categories, compile_events, compile_purposes
from libs.catalog.compile_gauges import compile_gauges
from libs.catalog.compile_jobs import compile_jobs
from libs.catalog.compile_labels import compile_labels
from libs.catalog.compile_metrics import compile_named_metrics
from libs.catalog.compile_minors import compile_minors
from libs.catalog.compile_rollups import (
    compile_rollups,
    compile_selection,
    entity_events,
    measured_properties,
)
from libs.catalog.compile_xapi import compile_xapi
from libs.catalog.erasure import compile_erasure
from libs.catalog.event_words import PRIVACY_LEVELS
from libs.catalog.fields import ENVELOPE_PATHS, FieldNames, field_names
from libs.catalog.limits import compile_limits, sent_dimensions
from libs.catalog.model import Catalog, ClockPolicy, EventType, Producer, Purpose
from libs.catalog.problems import CatalogError, ProblemList, did_you_mean
from libs.catalog.reader import Section
from libs.catalog.source import TEACHER
from libs.catalog.yaml_nodes import parse_yaml

DEFAULT_DEDUPE_WINDOW_SECONDS = 86_400
DEFAULT_LEAST_PEOPLE = 5
# Fewer could be worked out from what stands in their place.
_FEWEST_PEOPLE = 4
# Sections that other parts of Weir read; kept here as they are.
OPAQUE_SECTIONS = ("consumers", "dashboards", "alerts", "access")
_KEYS = (
    *("app_id", "title", "description", "naming", "subject", "group", "purposes", "location"),
    *("collection", "minors", "erasure", "least_people"),
    *(
        "categories",
        "fields",
        "events",
        "dedupe",
        "clock",
        "activity",
        "rollups",
        "labels",
        "gauges",
        "metrics",
    ),
    *("jobs", "behaviours", "xapi", "privacy_levels", "archive", "limits", "enrichment"),
    *OPAQUE_SECTIONS,
)
_APP_ID = re.compile(r"[a-z][a-z0-9_]{0,62}")


def compile_catalog(text: str, file: str) -> Catalog:
    """The catalog that `text` declares; `file` is what problems call it.

    Raises CatalogError with everything that is wrong.
    """
    problems = ProblemList(file)
    root = parse_yaml(text, problems)
    catalog = None
    if root is not None:
        catalog = _compile(Section(root, "", problems))
    if problems.found or catalog is None:
        raise CatalogError(problems.found)
    return catalog


def _compile(section: Section) -> Catalog:
    section.only(_KEYS)
    app_id = section.text("app_id")
    if app_id and not _APP_ID.fullmatch(app_id):
        section.complain("must be a-z, 0-9 and `_`, beginning with a letter", "app_id")
    subject = section.child("subject")
    subject_name = _name_of(subject, "entity_types") or "subject_id"
    entity_types = frozenset(subject.texts("entity_types"))
    group_name = _name_of(section.child("group"))
    purposes, minors = compile_minors(
        section.child("minors"), compile_purposes(section.child("purposes"))
    )
    categories = compile_categories(section.child("categories"), purposes)
    collection = compile_collection(section.child("collection"))
    events = compile_events(
        section.child("events"), purposes, categories, _naming(section), collection
    )
    activity = _activity(section, events)
    words = _own_sources(subject_name, group_name)
    rollups = compile_rollups(section.child("rollups"), events, words, activity)
    gauges = compile_gauges(section.child("gauges"), events, words, activity)
    metrics = compile_named_metrics(section.child("metrics"), rollups, events, words)
    dedupe, clock = section.child("dedupe"), section.child("clock")
    dedupe.only(("window",))
    clock.only(("max_future", "max_age", "lateness"))
    return Catalog(
        app_id=app_id,
        title=section.text("title"),
        subject_name=subject_name,
        subject_entity_types=entity_types,
        names_others=bool(entity_types) or _marks_subjects(events),
        names_teachers=any(TEACHER in rollup.sources for rollup in rollups.values())
        or any(TEACHER in gauge.sources for gauge in gauges.values()),
        group_name=group_name,
        collection=collection,
        location_purpose=_location_purpose(section.child("location"), purposes),
        purposes=purposes,
        minors=minors,
        least_people=_least_people(section),
        erasure=compile_erasure(section.child("erasure"), categories),
        categories=MappingProxyType(
            {name: defaults.category for name, defaults in categories.items()}
        ),
        events=events,
        sealed=MappingProxyType(
            {name: event.sealed for name, event in events.items() if event.sealed}
        ),
        rollups=rollups,
        labels=compile_labels(section.child("labels"), rollups),
        gauges=gauges,
        metrics=metrics,
        jobs=compile_jobs(section.child("jobs"), rollups, metrics),
        behaviours=compile_behaviours(section.child("behaviours"), events),
        xapi=compile_xapi(section.child("xapi"), events, words),
        measures=measured_properties(rollups),
        counts_only_events=frozenset(name for name, event in events.items() if event.counts_only),
        entity_events=entity_events([*rollups.values(), *gauges.values()]),
        fields=_fields(section.child("fields"), subject_name, group_name, events),
        dedupe_window_seconds=dedupe.seconds("window", DEFAULT_DEDUPE_WINDOW_SECONDS),
        clock=ClockPolicy(
            max_future_seconds=clock.seconds("max_future", ClockPolicy().max_future_seconds),
            max_age_days=clock.days("max_age"),
            lateness_seconds=clock.seconds("lateness", ClockPolicy().lateness_seconds),
        ),
        activity=activity,
        privacy_levels=_privacy_levels(section.child("privacy_levels")),
        archive=section.flag("archive"),
        limits=compile_limits(section.child("limits")),
        enrichment=compile_enrichment(section, rollups, gauges),
        sent_dimensions=sent_dimensions(
            [
                *(
                    (each.events, [one.source for one in each.dimensions])
                    for each in rollups.values()
                ),
                *((each.events, [one.source for one in each.by]) for each in gauges.values()),
            ]
        ),
        opaque_sections=_opaque_sections(section),
    )


def _name_of(section: Section, *other_keys: str) -> str | None:
    section.only(("name", *other_keys))
    return section.text("name") if section.values else None


def _marks_subjects(events: Mapping[str, EventType]) -> bool:
    return any(
        version.subject_properties
        for event in events.values()
        for version in event.versions.values()
    )


def _location_purpose(section: Section, purposes: Mapping[str, Purpose]) -> Purpose | None:
    section.only(("purpose",))
    if not section.values:
        return None
    name = section.text("purpose")
    if name and name not in purposes:
        section.complain(f"no purpose `{name}`{did_you_mean(name, purposes)}", "purpose")
    return purposes.get(name)


def _own_sources(subject_name: str, group_name: str | None) -> Mapping[str, str]:
    """What rollups call a source, by the app's own word for it."""
    sources = {subject_name: "subject"}
    if group_name is not None:
        sources[group_name] = "group_id"
    return sources


def _least_people(section: Section) -> int:
    least = section.whole("least_people", 1, 1_000)
    if least is not None and 1 < least < _FEWEST_PEOPLE:
        section.complain(f"must be 1, for no limit, or at least {_FEWEST_PEOPLE}", "least_people")
    return least or DEFAULT_LEAST_PEOPLE


def _activity(section: Section, events: Mapping[str, EventType]) -> frozenset[str] | None:
    """Names and patterns, or a mapping of `events` and `exclude`."""
    node = section.values.get("activity")
    if node is None:
        return None
    if not isinstance(node.value, Mapping):
        return compile_selection(section, "activity", events)
    entry = section.child("activity")
    entry.only(("events", "exclude"))
    selected = compile_selection(entry, "events", events)
    return selected - compile_selection(entry, "exclude", events)


def _privacy_levels(section: Section) -> Mapping[str, int]:
    levels = PRIVACY_LEVELS[1:]
    section.only(levels)
    limits = {level: section.days(level) for level in levels}
    return MappingProxyType({level: days for level, days in limits.items() if days is not None})


def _naming(section: Section) -> re.Pattern[str] | None:
    if not section.has("naming"):
        return None
    try:
        return re.compile(section.text("naming"))
    except re.error as error:
        section.complain(f"not a regular expression: {error}", "naming")
        return None


def _fields(
    section: Section, subject_name: str, group_name: str | None, events: Mapping[str, EventType]
) -> FieldNames:
    section.only((*ENVELOPE_PATHS, "producers"))
    own: dict[str, tuple[str, ...]] = {"subject_id": (subject_name,)}
    if group_name is not None:
        own["group_id"] = (group_name,)
    taken: dict[str, str] = {}
    for path in ENVELOPE_PATHS:
        if not section.has(path):
            continue
        own[path] = section.texts(path)
        for word in own[path]:
            if not all(word.split(".")):
                section.complain(f"`{word}` is not a path", path)
            if word in taken:
                section.complain(f"`{word}` is already the word for {taken[word]}", path)
            taken[word] = path
    aliases = section.child("producers")
    known = [str(producer) for producer in Producer]
    producers = {}
    for alias in aliases.values:
        name = aliases.text(alias)
        if name and name not in known:
            aliases.complain(f"no producer `{name}`{did_you_mean(name, known)}", alias)
        producers[alias] = name
    names = field_names(own, producers)
    versions = [version for event in events.values() for version in event.versions.values()]
    for field, (name, *_) in names.context_properties:
        # Anonymization removes the property, and would leave its copy.
        if any(name in (*each.pii_properties, *each.subject_properties) for each in versions):
            section.complain(
                f"the property `{name}` is marked `x-pii` or `x-subject`, and is not copied from",
                f"context.{field}",
            )
    sealed = frozenset[str]().union(*(event.sealed for event in events.values()))
    for path, candidates in names.words.items():
        for candidate in candidates:
            inside = names.inside_properties(candidate)
            if path != "properties" and inside is not None and inside[0] in sealed:
                section.complain(
                    f"the property `{inside[0]}` is sealed, and is not copied from", path
                )
    return names


def _opaque_sections(section: Section) -> Mapping[str, object]:
    extra = {}
    for key in OPAQUE_SECTIONS:
        if section.has(key):
            extra[key] = section.child(key).node.plain()
    return MappingProxyType(extra)
