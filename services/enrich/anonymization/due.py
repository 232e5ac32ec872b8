"""Which events are to be anonymized today, and what of them is personal. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from libs.catalog import Catalog, EventType
from libs.common.expiry import aged_before
from libs.common.mentions import Path
from services.enrich.retention.limits import limits


@dataclass(frozen=True, slots=True)
class Due:
    """Events of this name that occurred before `before` must name no person any more; if there are `classes`,
    those of these retention classes, and if there is a `level`, those of this privacy level. `private`: their
    properties that are removed, in any version. `entity_types`: entities of these types are people."""

    app_id: str
    name: str
    days: int
    before: datetime
    subject_name: str
    private: frozenset[str]
    measures: frozenset[Path]
    entity_types: frozenset[str]
    # Sessions of the app are stored as keyed hashes.
    hashes_sessions: bool
    classes: tuple[str, ...] | None = None
    level: str | None = None


def due_in(catalog: Catalog, now: datetime) -> Iterator[Due]:
    """What is due today in an app: an event on the day on which it becomes as old as its category says, and
    later."""
    for event in catalog.events.values():
        days = event.category.anonymize_after_days
        if days is not None:
            yield due_of(catalog, event, days, aged_before(days, now))


def due_by_name(catalog: Catalog, now: datetime) -> Mapping[str, Due]:
    """The same by the names of events; empty for an app that has nothing anonymized."""
    return {due.name: due for due in due_in(catalog, now)}


def leaving_in(catalog: Catalog, now: datetime) -> Iterator[Due]:
    """What is due today in an app with an archive, because it leaves for it before it is as old as its
    category says: a sender or a privacy level may end it early. The archive keeps it for years."""
    if not catalog.archive:
        return
    for limit in limits({catalog.app_id: catalog}, now):
        for event in catalog.events.values():
            days = event.category.anonymize_after_days
            is_of_limit = limit.names is None or event.name in limit.names
            if days is not None and is_of_limit and limit.before > aged_before(days, now):
                due = due_of(catalog, event, limit.days, limit.before)
                yield replace(due, classes=limit.classes, level=limit.level)


def due_of(catalog: Catalog, event: EventType, days: int, before: datetime) -> Due:
    """What is personal of such events, by the catalog; all that occurred before a moment are due."""
    versions = event.versions.values()
    private = frozenset[str]().union(
        *(version.pii_properties | version.subject_properties for version in versions)
    )
    numbers = frozenset[Path]().union(*(version.number_properties for version in versions))
    return Due(
        catalog.app_id,
        event.name,
        days,
        before,
        catalog.subject_name,
        private | {catalog.subject_name},
        (catalog.measures | numbers) - {(catalog.subject_name,)},
        catalog.subject_entity_types,
        catalog.collection.hashes_sessions,
    )
