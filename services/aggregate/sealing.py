"""From when on all events of a rollup are still stored, and its cells are kept. Pure."""

from datetime import datetime, timedelta

from libs.catalog import RETENTION_CLASSES, Catalog, Rollup, Source, SourceKind, retention_class
from libs.common.expiry import aged_before
from services.aggregate.expiry.kept import kept_from, latest

_MAY_BE_PERSONAL = frozenset(
    {SourceKind.ENTITY, SourceKind.CONTEXT, SourceKind.ATTRIBUTION, SourceKind.PROPERTY}
)


def sealed_before(catalog: Catalog, rollup: Rollup, now: datetime) -> datetime | None:
    """Events that occurred before it may have expired, or have lost values that the rollup reads when they
    were anonymized; None if none of them ever does. A bucket that begins before it is sealed: a recount of it
    may lack events or values.

    A sender that shortens the retention of a single event is not considered: see ADR 28.
    """
    classes = {catalog.events[name].retention_class for name in rollup.events}
    # Senders may mark any event as sensitive, which is then kept for less.
    classes |= {retention_class(days) for days in catalog.privacy_levels.values()}
    limited = [days for name in classes if (days := RETENTION_CLASSES[name]) is not None]
    moments = [now - timedelta(days=min(limited))] if limited else []
    if any(_may_be_personal(source) for source in rollup.sources):
        ages = (catalog.events[name].category.anonymize_after_days for name in rollup.events)
        moments += [aged_before(days, now) for days in ages if days is not None]
    return max(moments, default=None)


def recounted_from(catalog: Catalog, rollup: Rollup, now: datetime) -> datetime | None:
    """Buckets that begin before it are sealed or have expired, and are not recounted; None: all are."""
    return latest(
        sealed_before(catalog, rollup, now),
        kept_from(rollup.period, rollup.cell_retention_days, now),
    )


def _may_be_personal(source: Source) -> bool:
    """Whether anonymization may change the value. The person stays the same, under the pseudonym."""
    return source.kind in _MAY_BE_PERSONAL or source.path in (("session_id",), ("group_id",))
