"""Compiles the purposes, categories and events of a catalog."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from libs.catalog.collection import Collection, kept_context, personal_data
from libs.catalog.counts_only import close_properties
from libs.catalog.keywords import OBJECT_KEYWORDS, check_keywords
from libs.catalog.model import (
    Category,
    Environment,
    EventType,
    Ground,
    Pii,
    Producer,
    Purpose,
    Subjectless,
    WhenDenied,
)
from libs.catalog.problems import did_you_mean
from libs.catalog.reader import Section
from libs.catalog.retention import retention_class
from libs.catalog.schema import EventVersion, SchemaError, compile_version
from libs.catalog.texts import is_visible_name

_EVENT_KEYS = (
    "category",
    "description",
    "producers",
    "purpose",
    "sampling",
    "retention",
    "counts_only",
    "versions",
)
_VERSION = re.compile(r"[0-9]+(\.[0-9]+){0,2}")
# An event that is declared without versions has this one.
FIRST_VERSION = "1.0.0"
# Limits the properties of a version's schema, and notes problems.
_Closing = Callable[[Section, dict[str, object]], None]
NO_PURPOSE = "none"


class CategoryDefaults:
    """What the events of a category inherit unless they say otherwise."""

    def __init__(
        self, category: Category, purpose: str, producers: tuple[str, ...], *, counts_only: bool
    ) -> None:
        self.category = category
        self.purpose = purpose
        self.producers = producers
        self.counts_only = counts_only


def compile_purposes(section: Section) -> Mapping[str, Purpose]:
    """The purposes by name; each says its default and what a denial means."""
    purposes = {}
    for name, entry in section.children():
        entry.only(("default", "when_denied", "subjectless", "expires", "ground", "description"))
        default = entry.text("default")
        if default and default not in ("granted", "denied"):
            entry.complain(f"`{default}` is not one of granted, denied", "default")
        if name == NO_PURPOSE:
            entry.complain(f"`{NO_PURPOSE}` means that an event needs no consent")
        when = entry.choice("when_denied", WhenDenied) or WhenDenied.DROP
        # As a person who never answered is treated, unless the catalog says otherwise.
        unanswered = default != "granted" and when is WhenDenied.DROP
        subjectless = Subjectless.DROP if unanswered else Subjectless.ACCEPT
        subjectless = entry.choice("subjectless", Subjectless, subjectless) or subjectless
        granted = default == "granted"
        purposes[name] = Purpose(
            name,
            granted,
            when,
            subjectless,
            _expires(entry, granted),
            _ground(entry, granted),
            description=entry.text("description", default=""),
        )
    return MappingProxyType(purposes)


def _expires(entry: Section, default_granted: bool) -> int | None:
    if not entry.has("expires"):
        return None
    if default_granted:
        # It would end in a "no" that the person never gave.
        entry.complain("a purpose that is granted by default has no end", "expires")
    return entry.seconds("expires", 0)


def _ground(entry: Section, default_granted: bool) -> Ground:
    ground = entry.choice("ground", Ground, Ground.CONSENT) or Ground.CONSENT
    if ground is Ground.LEGITIMATE_INTEREST and not default_granted:
        entry.complain(
            "a legitimate interest holds until people object: `default: granted`", "ground"
        )
    return ground


def compile_categories(
    section: Section, purposes: Mapping[str, Purpose]
) -> Mapping[str, CategoryDefaults]:
    """The categories by name, with what their events inherit."""
    if not section.values:
        section.complain("at least one category is needed")
    categories = {}
    for name, entry in section.children():
        entry.only(
            ("description", "pii", "retention", "anonymize_after", "sampling", "purpose",
             "producers", "legal_ground", "counts_only", "context", "personal_data")
        )  # fmt: skip
        retention = entry.child("retention")
        retention.only(("raw", "aggregate"))
        if not entry.has("retention"):
            entry.complain("`retention` is missing; write `keep` for no limit")
        for key in ("raw", "aggregate"):
            if entry.has("retention") and not retention.has(key):
                retention.complain(f"`{key}` is missing; write `keep` for no limit")
        category = Category(
            name=name,
            pii=entry.choice("pii", Pii, Pii.ANONYMIZED) or Pii.ANONYMIZED,
            raw_retention_days=retention.days("raw"),
            aggregate_retention_days=retention.days("aggregate"),
            anonymize_after_days=entry.days("anonymize_after", least=0),
            sampling=_sampling(entry.child("sampling")),
            legal_ground=entry.text("legal_ground", default=""),
            context=kept_context(entry),
            personal_data=personal_data(entry),
            description=entry.text("description", default=""),
        )
        categories[name] = CategoryDefaults(
            category,
            _purpose_name(entry, purposes),
            _producers(entry),
            counts_only=entry.flag("counts_only"),
        )
    return MappingProxyType(categories)


def compile_events(
    section: Section,
    purposes: Mapping[str, Purpose],
    categories: Mapping[str, CategoryDefaults],
    naming: re.Pattern[str] | None,
    collection: Collection,
) -> Mapping[str, EventType]:
    """The events by name."""
    if not section.values:
        section.complain("at least one event is needed")
    events = {}
    for name, entry in section.children():
        if naming is not None and not naming.search(name):
            entry.complain(f"the name does not follow the app's naming {naming.pattern}")
        if not is_visible_name(name) or "*" in name:
            entry.complain("a name is 1 to 128 visible characters, without spaces and `*`")
        event = _compile_event(name, entry, purposes, categories, collection)
        if event is not None:
            events[name] = event
    return MappingProxyType(events)


def _compile_event(
    name: str,
    entry: Section,
    purposes: Mapping[str, Purpose],
    categories: Mapping[str, CategoryDefaults],
    collection: Collection,
) -> EventType | None:
    entry.only((*_EVENT_KEYS, *OBJECT_KEYWORDS))
    category_name = entry.text("category")
    defaults = categories.get(category_name)
    counts_only = entry.flag("counts_only", defaults is not None and defaults.counts_only)
    close = close_properties if counts_only else _close if collection.takes_declared_only else None
    versions = _versions(entry, close)
    if defaults is None:
        if category_name:
            hint = did_you_mean(category_name, categories)
            entry.complain(f"no category `{category_name}`{hint}", "category")
        return None
    category = defaults.category
    producers = _producers(entry) or defaults.producers
    if not producers:
        entry.complain("`producers` is missing, here and in the category")
        producers = (Producer.API,)
    purpose = purposes.get(_purpose_name(entry, purposes) or defaults.purpose)
    raw = entry.days("retention") if entry.has("retention") else category.raw_retention_days
    if not versions:
        return None
    newest = max(versions, key=lambda version: tuple(int(part) for part in version.split(".")))
    return EventType(
        name=name,
        description=entry.text("description", default=""),
        category=category,
        producers=producers,
        purpose=purpose,
        versions=MappingProxyType(versions),
        latest=versions[newest],
        sampling=MappingProxyType({**category.sampling, **_sampling(entry.child("sampling"))}),
        raw_retention_days=raw,
        retention_class=retention_class(raw),
        counts_only=counts_only,
        has_no_person=category.pii == Pii.NONE,
        sealed=frozenset[str]().union(*(each.sealed_properties for each in versions.values())),
        context=collection.context if category.context is None else category.context,
        personal_data=category.personal_data or collection.personal_data,
    )


def _close(_: Section, parts: dict[str, object]) -> None:
    """Makes the schema `parts` reject properties that it does not name, unless it says otherwise."""
    if not {"additionalProperties", "unevaluatedProperties"} & parts.keys():
        parts["additionalProperties"] = False


def _versions(entry: Section, close: _Closing | None) -> dict[str, EventVersion]:
    if not entry.has("versions"):
        only_version = _version(FIRST_VERSION, entry, _EVENT_KEYS, close)
        return {FIRST_VERSION: only_version} if only_version else {}
    for keyword in OBJECT_KEYWORDS:
        if entry.has(keyword):
            entry.complain("belongs into one of the `versions`", keyword)
    section = entry.child("versions")
    if not section.values:
        section.complain("at least one version is needed")
    versions = {}
    for number, part in section.children():
        if not _VERSION.fullmatch(number):
            part.complain("a version is one to three numbers, such as 1.1.0")
            continue
        part.only((*OBJECT_KEYWORDS, "description"))
        version = _version(number, part, ("description",), close)
        if version is not None:
            versions[number] = version
    return versions


def _version(
    number: str, entry: Section, skip: tuple[str, ...], close: _Closing | None
) -> EventVersion | None:
    before = len(entry.problems.found)
    parts = {}
    for keyword, node in entry.values.items():
        if keyword in OBJECT_KEYWORDS and keyword not in skip:
            parts[keyword] = node.plain()
    check_keywords(entry)
    if close is not None:
        close(entry, parts)
    declared = parts.get("properties")
    if isinstance(declared, dict):
        for name in entry.texts("required"):
            if name not in declared:
                hint = did_you_mean(name, declared)
                entry.complain(f"`{name}` is not among the properties{hint}", "required")
    if len(entry.problems.found) > before:
        return None
    try:
        return compile_version(number, parts)
    except SchemaError as error:
        path = ".".join(str(step) for step in error.path)
        where = f"{entry.where}.{path}" if path else entry.where
        entry.problems.add(entry.node.at(error.path).line, f"{where}: {error}")
        return None


def _producers(entry: Section) -> tuple[str, ...]:
    known = [str(producer) for producer in Producer]
    names = entry.texts("producers")
    if names == ("all",):
        return tuple(known)
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known)
            entry.complain(
                f"no producer `{name}`{hint}; known are all, {', '.join(known)}", "producers"
            )
    return tuple(dict.fromkeys(name for name in names if name in known))


def _purpose_name(entry: Section, purposes: Mapping[str, Purpose]) -> str:
    name = entry.text("purpose", default="")
    if name and name != NO_PURPOSE and name not in purposes:
        entry.complain(f"no purpose `{name}`{did_you_mean(name, purposes)}", "purpose")
    return name


def _sampling(section: Section) -> Mapping[str, float]:
    environments = [str(environment) for environment in Environment]
    section.only(environments)
    shares = {}
    for environment in environments:
        share = section.number(environment, 0, 1)
        if share is not None:
            shares[environment] = share
    return MappingProxyType(shares)
