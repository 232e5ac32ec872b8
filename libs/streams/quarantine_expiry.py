"""Entries of quarantine that are past their limit: they hold events, which have limits of their own."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast

import structlog
from redis.asyncio import Redis

from libs.common.clock import EPOCH, Clock, moment_of
from libs.common.expiry import OverdueData, RetentionLimit, expired_before
from libs.streams.entries import Fields
from libs.streams.names import quarantine_stream
from libs.streams.settings import StreamReaderSettings

log = structlog.get_logger()
_MILLISECOND = timedelta(milliseconds=1)
# In one answer of Redis: of the largest entries, 4 MiB, no more memory than a chunk takes.
_PAGE = 16


async def expire_quarantine(
    redis: Redis, group: str, settings: StreamReaderSettings, now: datetime
) -> Mapping[str, int]:
    """Removes the entries that have been in the group's quarantine for longer than the settings say: how many
    were `removed`. Raises what Redis raises; safe to repeat."""
    first = _first_kept(settings, now)
    removed = 0
    for stream in _streams(group, settings):
        past = [entry_id async for entry_id, came in _entries(redis, stream) if came < first]
        if past:
            await redis.xdel(stream, *past)
            log.warning("entries of quarantine expired", stream=stream, entries=len(past))
        removed += len(past)
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
        first = _first_kept(self._settings, moment_of(self._clock.now_us()))
        past = [
            came
            for stream in _streams(self._group, self._settings)
            async for _, came in _entries(self._redis, stream)
            if came < first
        ]
        if not past:
            return []
        moment = EPOCH + min(past) * _MILLISECOND
        return [OverdueData(limit.store, "", "", limit.days or 0, len(past), moment)]


def came_ms(entry_id: str, fields: Fields) -> int:
    """When an entry came to quarantine, in milliseconds of Redis's clock: one from which an erasure has taken
    something is a new entry, and says `since` when."""
    since = fields.get(b"since", b"")
    return int(since) if since.isdigit() else int(entry_id.split("-")[0])


async def _entries(redis: Redis, stream: str) -> AsyncIterator[tuple[str, int]]:
    """The id of each entry, and when it came."""
    begin = "-"
    while page := cast(list[tuple[bytes, Fields]], await redis.xrange(stream, begin, count=_PAGE)):
        for entry_id, fields in page:
            yield entry_id.decode(), came_ms(entry_id.decode(), fields)
        begin = f"({page[-1][0].decode()}"


def _streams(group: str, settings: StreamReaderSettings) -> Iterator[str]:
    return (quarantine_stream(group, shard) for shard in range(settings.shards))


def _first_kept(settings: StreamReaderSettings, now: datetime) -> int:
    """The first millisecond of which entries are kept, by Redis's clock."""
    return (expired_before(settings.quarantine_kept_days, now) - EPOCH) // _MILLISECOND
