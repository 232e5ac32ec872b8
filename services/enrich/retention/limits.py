"""Which events are past their limit, and which are kept all the same. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from libs.catalog import RETENTION_CLASSES, Catalog
from libs.catalog import retention_class as retention_class_of
from libs.common.expiry import expired_before

NO_ARCHIVE = "their app wants an archive, and WEIR_ENRICH_ARCHIVE_URL names none"
NO_CATALOG = "no catalog of the app is loaded"
NOT_COUNTED = "not all of them are counted yet"


@dataclass(frozen=True, slots=True)
class Limit:
    """Stored events of these classes that occurred before `before` are past a limit of `days` days. Without
    `app_id` those of all apps, without `names` those of all names, without `level` those of all privacy
    levels."""

    classes: tuple[str, ...]
    days: int
    before: datetime
    app_id: str | None = None
    names: tuple[str, ...] | None = None
    level: str | None = None

    @property
    def is_of_class(self) -> bool:
        """Whether it is the limit of a class, and not one that a catalog has tightened since."""
        return self.app_id is None


def limits(catalogs: Mapping[str, Catalog], now: datetime) -> Iterator[Limit]:
    """All limits of today: of each class, and of events and privacy levels whose catalog has become stricter
    since they were stored, so that they lie in a longer class than it says now."""
    for name, days in RETENTION_CLASSES.items():
        if days is not None:
            yield Limit((name,), days, expired_before(days, now))
    for catalog in catalogs.values():
        names = defaultdict(list)
        for event in catalog.events.values():
            names[event.retention_class].append(event.name)
        for retention_class, found in names.items():
            longer = _longer_classes(retention_class)
            days = RETENTION_CLASSES[retention_class]
            if longer and days is not None:
                before = expired_before(days, now)
                yield Limit(longer, days, before, catalog.app_id, tuple(sorted(found)))
        for level, kept in catalog.privacy_levels.items():
            retention_class = retention_class_of(kept)
            longer = _longer_classes(retention_class)
            days = RETENTION_CLASSES[retention_class]
            if longer and days is not None:
                before = expired_before(days, now)
                yield Limit(longer, days, before, catalog.app_id, level=level)


def reason_to_keep(catalogs: Mapping[str, Catalog], app_id: str, *, has_archive: bool) -> str:
    """Why events of the app that are past their limit stay; empty if they go, be it into the archive."""
    if app_id not in catalogs:
        # A folder that is mounted wrongly must delete nothing, least of all what is to be archived.
        return NO_CATALOG
    return NO_ARCHIVE if catalogs[app_id].archive and not has_archive else ""


def _longer_classes(retention_class: str) -> tuple[str, ...]:
    """The classes that keep events for longer; `RETENTION_CLASSES` has the shortest first."""
    names = list(RETENTION_CLASSES)
    return tuple(names[names.index(retention_class) + 1 :])
