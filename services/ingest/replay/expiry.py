"""Replays that are past their limit: what is left of each is a filter and counts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from libs.common.clock import Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit, expired_before

STORE = "ingest.replays"
EXPIRE = "ingest.expire_replays"


class ExpiredReplays(Protocol):
    """See `postgres.PostgresReplays`."""

    async def delete(self, before: datetime) -> int:
        """Deletes the replays that ended before a moment; how many."""
        ...

    async def older(self, before: datetime) -> Sequence[tuple[str, int, datetime]]:
        """Of each app with replays that ended before a moment: how many, and when the first of them did."""
        ...


class ReplayExpiry:
    """Deletes replays that ended so many days ago; one that is under way stays. Safe to repeat, to interrupt
    and to run twice at once."""

    def __init__(self, replays: ExpiredReplays, kept_days: int, clock: Clock) -> None:
        self._replays = replays
        self._kept_days = kept_days
        self._clock = clock

    async def list_overdue(self) -> Sequence[OverdueData]:
        """What is past its limit now; changes nothing."""
        return [
            OverdueData(STORE, app_id, "", self._kept_days, replays, oldest)
            for app_id, replays, oldest in await self._replays.older(self._before())
        ]

    def limit(self) -> RetentionLimit:
        """The limit of all."""
        return RetentionLimit(STORE, self._kept_days, "WEIR_INGEST_REPLAYS_KEPT_DAYS", EXPIRE)

    async def expire(self) -> Mapping[str, int]:
        """Deletes them: how many were `deleted`."""
        return {"deleted": await self._replays.delete(self._before())}

    def _before(self) -> datetime:
        return expired_before(self._kept_days, moment_of(self._clock.now_us()))
