"""Entries of quarantine that are past their limit: they hold events, which have limits of their own."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

import structlog
from redis.asyncio import Redis

from libs.common.clock import EPOCH, Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit, expired_before
from libs.streams.names import quarantine_stream
from libs.streams.settings import StreamReaderSettings

log = structlog.get_logger()
_MILLISECOND = timedelta(milliseconds=1)
# Entries that are read at a time to be counted.
_PAGE = 50


async def expire_quarantine(
    redis: Redis, group: str, settings: StreamReaderSettings, now: datetime
) -> Mapping[str, int]:
    """Removes the entries that have been in the group's quarantine for longer than the settings say: how many
    were `removed`. Raises what Redis raises; safe to repeat."""
    first = _first_kept(settings, now)
    removed = 0
    for stream in _streams(group, settings):
        # Exactly, and not by whole nodes.
        found = int(await redis.xtrim(stream, minid=f"{first}-0", approximate=False))
        if found:
            log.warning("entries of quarantine expired", stream=stream, entries=found)
        removed += found
    return {"removed": removed}


class QuarantineRetention:
    """The limit of a group's quarantine, and what is past it."""

    def __init__(
        self, redis: Redis, group: str, settings: StreamReaderSettings, clock: Clock
    ) -> None:
        self._redis = redis
        self._group = group
        self._settings = settings
        self._clock = clock

    def limit(self) -> RetentionLimit:
        """The limit, for all apps: an entry may hold events of any."""
        return RetentionLimit(
            f"{self._group}.quarantine",
            self._settings.quarantine_kept_days,
            self._settings.variable("quarantine_kept_days"),
            f"{self._group}.expire_quarantine",
        )

    async def list_overdue(self) -> Sequence[OverdueData]:
        """The entries past it, of all shards together. Raises what Redis raises."""
        limit = self.limit()
        entries = 0
        oldest: list[int] = []
        last = _first_kept(self._settings, moment_of(self._clock.now_us())) - 1
        for stream in _streams(self._group, self._settings):
            begin = "-"
            while found := await self._redis.xrange(stream, begin, str(last), count=_PAGE):
                ids = [cast(bytes, entry_id).decode() for entry_id, _ in found]
                entries += len(ids)
                oldest.append(int(ids[0].split("-")[0]))
                begin = f"({ids[-1]}"
        if not entries:
            return []
        moment = EPOCH + min(oldest) * _MILLISECOND
        return [OverdueData(limit.store, "", "", limit.days or 0, entries, moment)]


def _streams(group: str, settings: StreamReaderSettings) -> Iterator[str]:
    return (quarantine_stream(group, shard) for shard in range(settings.shards))


def _first_kept(settings: StreamReaderSettings, now: datetime) -> int:
    """The first millisecond of which entries are kept, by Redis's clock."""
    return (expired_before(settings.quarantine_kept_days, now) - EPOCH) // _MILLISECOND
