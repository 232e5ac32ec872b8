"""Dead letters that are past their limit: that of all, or the shorter one of the event that they hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from weir.common.v1.event_pb2 import Event

from libs.catalog import RETENTION_CLASSES, Catalog, Catalogs, retention_class, tighten
from libs.catalog.event_words import PRIVACY_LEVELS
from libs.common.clock import Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit, midnight

STORE = "ingest.dead_letters"
EXPIRE = "ingest.expire_dead_letters"
_LEVELS = dict(enumerate(PRIVACY_LEVELS))


@dataclass(frozen=True, slots=True)
class LetterLimits:
    """Dead letters are kept for `days` days before the day that began at `today`; less if `of_events`, by app
    and name, has fewer days, or the letter itself."""

    today: datetime
    days: int
    of_events: Mapping[tuple[str, str], int]


def own_days(event: Event, catalog: Catalog | None) -> int | None:
    """For how many days at most an event is kept by its own fields: what its sender asked for, and what the
    catalog says of its privacy level. None for no limit."""
    days = tighten(None, event.retention_days)
    # Any number, as it was sent: the event may have been rejected for it.
    level = _LEVELS.get(event.privacy_level, "")
    if catalog:
        days = tighten(days, catalog.privacy_levels.get(level, 0))
    return RETENTION_CLASSES[retention_class(days)]


def _limits_of(catalog: Catalog, kept_days: int) -> Iterator[tuple[str, int]]:
    """The events that the catalog keeps for less, and for how many days."""
    for event in catalog.events.values():
        days = RETENTION_CLASSES[event.retention_class]
        if days is not None and days < kept_days:
            yield event.name, days


class ExpiredLetters(Protocol):
    """See `postgres.PostgresExpiredLetters`."""

    async def delete(self, limits: LetterLimits) -> int:
        """Deletes the dead letters past their limit; how many."""
        ...

    async def overdue(self, limits: LetterLimits) -> Sequence[OverdueData]:
        """The dead letters past their limit, by app, name and limit."""
        ...


class LetterExpiry:
    """Deletes dead letters past their limit. Safe to repeat, to interrupt and to run twice at once."""

    def __init__(
        self, catalogs: Catalogs, letters: ExpiredLetters, kept_days: int, clock: Clock
    ) -> None:
        self._catalogs = catalogs
        self._letters = letters
        self._kept_days = kept_days
        self._clock = clock

    async def list_overdue(self) -> Sequence[OverdueData]:
        """What is past its limit now; changes nothing."""
        return await self._letters.overdue(self._limits())

    def list_limits(self) -> Sequence[RetentionLimit]:
        """The limit of all, and those of events and privacy levels that the catalogs keep for less."""
        setting = "WEIR_INGEST_DEAD_LETTERS_KEPT_DAYS"
        found = [RetentionLimit(STORE, self._kept_days, setting, EXPIRE)]
        for catalog in self._catalogs.current.catalogs.values():
            kinds = dict(_limits_of(catalog, self._kept_days))
            for level, days in catalog.privacy_levels.items():
                kept = RETENTION_CLASSES[retention_class(days)]
                if kept is not None and kept < self._kept_days:
                    kinds[f"privacy_level={level}"] = kept
            found += [
                RetentionLimit(STORE, days, "catalog", EXPIRE, catalog.app_id, kind)
                for kind, days in kinds.items()
            ]
        return found

    async def expire(self) -> Mapping[str, int]:
        """Deletes them: how many were `deleted`."""
        return {"deleted": await self._letters.delete(self._limits())}

    def _limits(self) -> LetterLimits:
        """Those of today."""
        of_events = {
            (app_id, name): days
            for app_id, catalog in self._catalogs.current.catalogs.items()
            for name, days in _limits_of(catalog, self._kept_days)
        }
        today = midnight(moment_of(self._clock.now_us()))
        return LetterLimits(today, self._kept_days, of_events)
