"""Dead letters that are past their limit: that of all, or the shorter one of the event that they hold."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from libs.catalog import RETENTION_CLASSES, Catalog, Catalogs
from libs.common.clock import Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit, expired_before


@dataclass(frozen=True, slots=True)
class LetterLimit:
    """Dead letters that were received before `before` are past a limit of `days` days; with `app_id` and
    `names` those of these events alone."""

    days: int
    before: datetime
    app_id: str | None = None
    names: tuple[str, ...] | None = None


def letter_limits(
    catalogs: Mapping[str, Catalog], kept_days: int, now: datetime
) -> Iterator[LetterLimit]:
    """The limits of today. No dead letter is kept for longer than the catalog keeps its event."""
    yield LetterLimit(kept_days, expired_before(kept_days, now))
    for catalog in catalogs.values():
        names = defaultdict(list)
        for event in catalog.events.values():
            days = RETENTION_CLASSES[event.retention_class]
            if days is not None and days < kept_days:
                names[days].append(event.name)
        for days, found in names.items():
            before = expired_before(days, now)
            yield LetterLimit(days, before, catalog.app_id, tuple(sorted(found)))


STORE = "ingest.dead_letters"
EXPIRE = "ingest.expire_dead_letters"


class ExpiredLetters(Protocol):
    """See `postgres.PostgresExpiredLetters`."""

    async def delete(self, limit: LetterLimit) -> int:
        """Deletes the dead letters past a limit; how many."""
        ...

    async def overdue(self, limit: LetterLimit) -> Sequence[OverdueData]:
        """The dead letters past a limit, by app and name."""
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
        now = moment_of(self._clock.now_us())
        known = self._catalogs.current.catalogs
        found = [
            each
            for limit in letter_limits(known, self._kept_days, now)
            for each in await self._letters.overdue(limit)
        ]
        # Those that are past both limits are found twice.
        return list({(each.app_id, each.kind): each for each in found}.values())

    def list_limits(self) -> Sequence[RetentionLimit]:
        """The limit of all, and those of events that the catalogs keep for less."""
        now = moment_of(self._clock.now_us())
        setting = "WEIR_INGEST_DEAD_LETTERS_KEPT_DAYS"
        return [
            RetentionLimit(
                STORE, limit.days, "catalog" if name else setting, EXPIRE, limit.app_id or "", name
            )
            for limit in letter_limits(self._catalogs.current.catalogs, self._kept_days, now)
            for name in limit.names or ("",)
        ]

    async def expire(self) -> Mapping[str, int]:
        """Deletes them: how many were `deleted`."""
        now = moment_of(self._clock.now_us())
        known = self._catalogs.current.catalogs
        deleted = 0
        for limit in letter_limits(known, self._kept_days, now):
            deleted += await self._letters.delete(limit)
        return {"deleted": deleted}
