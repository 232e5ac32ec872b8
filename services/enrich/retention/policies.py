"""How long the catalogs keep stored events, and the people in them. Pure."""

from collections.abc import Iterator, Mapping

from libs.catalog import RETENTION_CLASSES, Catalog, retention_class
from libs.common.expiry import RetentionLimit

STORE = "enrich.events"
ANONYMIZE, REMOVE = "enrich.anonymize_events", "enrich.expire_events"
ARCHIVE = "enrich.archive_events"
# What ends stored events, in the order in which it must run.
JOBS = (ANONYMIZE, ARCHIVE, REMOVE, "enrich.expire_archive", "enrich.expire_quarantine")
_BY = "catalog"


def event_limits(catalogs: Mapping[str, Catalog]) -> Iterator[RetentionLimit]:
    """By category, by event if it has a limit of its own, and by privacy level."""
    for catalog in catalogs.values():
        for category in catalog.categories.values():
            yield _removed(catalog, category.name, category.raw_retention_days)
            if (days := category.anonymize_after_days) is not None:
                yield RetentionLimit(
                    STORE, days, _BY, ANONYMIZE, catalog.app_id, category.name, is_named=True
                )
        for event in catalog.events.values():
            if event.raw_retention_days != event.category.raw_retention_days:
                yield _removed(catalog, event.name, event.raw_retention_days)
        for level, days in catalog.privacy_levels.items():
            yield _removed(catalog, f"privacy_level={level}", days)


def _removed(catalog: Catalog, kind: str, days: int | None) -> RetentionLimit:
    kept = RETENTION_CLASSES[retention_class(days)]
    return RetentionLimit(STORE, kept, _BY, REMOVE, catalog.app_id, kind)
