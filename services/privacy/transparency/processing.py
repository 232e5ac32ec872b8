"""What an app does with people's data, from its catalog. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from libs.catalog import (
    Catalog,
    Category,
    EventType,
    Ground,
    PersonalData,
    Pii,
    Purpose,
    WhenDenied,
)

_DAY = 86_400
_GROUNDS = {
    Ground.CONSENT: "Consent (GDPR, art. 6(1)(a))",
    Ground.LEGITIMATE_INTEREST: "Legitimate interest (GDPR, art. 6(1)(f)), to which people may object",
}
_WHEN_DENIED = {
    WhenDenied.ANONYMIZE: "Events are kept under a pseudonym, without what leads to the person",
    WhenDenied.DROP: "Nothing of the events is kept",
}
_IDENTITIES = {
    Pii.NONE: "Nothing that identifies a person is kept",
    Pii.LOGGED: "The person's id is kept; reads of it through the services are recorded",
    Pii.ANONYMIZED: "The person's id is kept as long as the purpose allows",
}
_PERSONAL_DATA = {
    PersonalData.REFUSE: "E-mail addresses and the like in unmarked places: the event is rejected",
    PersonalData.REDACT: "E-mail addresses and the like in unmarked places are removed",
    PersonalData.FLAG: "Events with e-mail addresses or the like are marked as sensitive",
}


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an event; `personal`: it may lead to the person."""

    name: str
    description: str
    personal: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A kind of event; `kept_days` None: without limit."""

    name: str
    description: str
    properties: Sequence[Property]
    kept_days: int | None


@dataclass(frozen=True, slots=True)
class CategoryUse:
    """Events that are kept alike. None as a number of days: they do not lose their person; numbers made of
    them are kept without limit."""

    name: str
    description: str
    legal_ground: str
    identity: str
    anonymized_after_days: int | None
    numbers_kept_days: int | None
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class PurposeUse:
    """What is done for a purpose; an empty name: what needs no consent. `grant_days` None: until
    withdrawn."""

    name: str
    description: str
    legal_ground: str
    granted_by_default: bool
    when_denied: str
    grant_days: int | None
    categories: Sequence[CategoryUse]


@dataclass(frozen=True, slots=True)
class Description:
    """All that an app does."""

    title: str
    purposes: Sequence[PurposeUse]
    rules: Sequence[str]


def describe(catalog: Catalog) -> Description:
    """By purpose in the catalog's order, and what needs no consent at the end."""
    uses = [_use(catalog, purpose) for purpose in [*catalog.purposes.values(), None]]
    used = [use for use in uses if use.categories or use.name]
    return Description(catalog.title or catalog.app_id, used, list(_rules(catalog)))


def _use(catalog: Catalog, purpose: Purpose | None) -> PurposeUse:
    events = [event for event in catalog.events.values() if event.purpose == purpose]
    categories = [
        _category(
            catalog, category, purpose, [event for event in events if event.category is category]
        )
        for category in catalog.categories.values()
    ]
    found = [category for category in categories if category.events]
    if purpose is None:
        ground = "No consent is asked for: each kind of events has its own ground"
        return PurposeUse("", "What needs no consent", ground, True, "", None, found)
    expires = purpose.expires_seconds
    return PurposeUse(
        purpose.name,
        purpose.description,
        _GROUNDS[purpose.ground],
        purpose.default_granted,
        _WHEN_DENIED[purpose.when_denied],
        None if expires is None else expires // _DAY,
        found,
    )


def _category(
    catalog: Catalog, category: Category, purpose: Purpose | None, events: Collection[EventType]
) -> CategoryUse:
    return CategoryUse(
        category.name,
        category.description,
        "" if purpose else category.legal_ground,
        _IDENTITIES[Pii(category.pii)],
        category.anonymize_after_days,
        _numbers_kept_days(catalog, {event.name for event in events}),
        [_event(event) for event in events],
    )


def _numbers_kept_days(catalog: Catalog, names: Set[str]) -> int | None:
    """The longest that a rollup with any of the events is kept: one that counts events of several categories
    is kept as long as the most patient of them says, or as it says itself."""
    kept = [
        rollup.cell_retention_days
        for rollup in catalog.rollups.values()
        if not names.isdisjoint(rollup.events)
    ]
    limited = [days for days in kept if days is not None]
    return max(limited, default=0) if len(limited) == len(kept) else None


def _event(event: EventType) -> Event:
    found: dict[str, Property] = {}
    # Of the newest version what it says, and what only older ones have.
    for version in [*event.versions.values(), event.latest]:
        declared = version.schema.get("properties")
        for name, schema in (declared if isinstance(declared, Mapping) else {}).items():
            words = schema.get("description", "") if isinstance(schema, Mapping) else ""
            personal = name in version.pii_properties or name in version.subject_properties
            found[name] = Property(name, str(words), personal)
    properties = [found[name] for name in sorted(found)]
    return Event(event.name, event.description, properties, event.raw_retention_days)


def _age_rules(bands: Iterable[str], purposes: Collection[Purpose]) -> Iterable[str]:
    """What holds of a band instead of a purpose's own default."""
    for band in bands:
        aged = [(purpose.name, purpose.ages) for purpose in purposes if purpose.ages is not None]
        unknown = any(ages.unknown == band for _, ages in aged)
        whose = f"{band}, or none recorded" if unknown else band
        guarded = ", ".join(name for name, ages in aged if band in ages.guardian)
        closed = ", ".join(name for name, ages in aged if band in ages.closed)
        if guarded:
            yield f"Age band {whose}: a guardian has to grant {guarded}."
        if closed:
            yield f"Age band {whose}: no one can grant {closed}."


def _rules(catalog: Catalog) -> Iterable[str]:
    collection = catalog.collection
    yield "Addresses are cut to a network before anything is stored."
    if catalog.location_purpose is not None:
        purpose = catalog.location_purpose.name
        yield f"The address, and so the country, is kept with the purpose {purpose} only."
    if collection.hashes_sessions:
        yield "Sessions are stored as keyed hashes."
    if collection.hashed:
        yield f"Stored as keyed hashes: {', '.join(sorted(collection.hashed))}."
    if collection.takes_declared_only:
        yield "Events have the properties only that are listed here."
    if collection.context is not None:
        kept = ", ".join(sorted(collection.context)) or "nothing"
        yield f"Of the surroundings of an event is stored: {kept}."
    if collection.personal_data is not None:
        yield f"{_PERSONAL_DATA[collection.personal_data]}."
    for category in catalog.categories.values():
        if category.context is not None:
            kept = ", ".join(sorted(category.context)) or "nothing"
            yield f"Of the surroundings of events of {category.name} is stored: {kept}."
        if category.personal_data is not None:
            yield f"{_PERSONAL_DATA[category.personal_data]} (in events of {category.name})."
    for level, days in catalog.privacy_levels.items():
        yield f"An event that its sender marks as {level} is kept for {days} days at most."
    if catalog.minors is not None:
        bands = ", ".join(catalog.minors.bands)
        yield f"Consent of minors follows age bands: {bands}. No birth date is stored."
        yield from _age_rules(catalog.minors.bands, catalog.purposes.values())
    if catalog.archive:
        yield "Events are archived before they are removed."
    least = catalog.least_people
    yield f"Numbers about fewer than {least} people are not shown to those who see numbers only."
