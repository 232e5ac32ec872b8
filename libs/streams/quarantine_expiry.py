"""Entries of quarantine that are past their limit: they hold events, which have limits of their own."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog
from redis.asyncio import Redis

from libs.common.clock import EPOCH
from libs.common.expiry import expired_before
from libs.streams.names import quarantine_stream
from libs.streams.settings import StreamReaderSettings

log = structlog.get_logger()


async def expire_quarantine(
    redis: Redis, group: str, settings: StreamReaderSettings, now: datetime
) -> Mapping[str, int]:
    """Removes the entries that have been in the group's quarantine for longer than the settings say: how many
    were `removed`. Raises what Redis raises; safe to repeat."""
    milliseconds = (expired_before(settings.quarantine_kept_days, now) - EPOCH) // timedelta(
        milliseconds=1
    )
    removed = 0
    for shard in range(settings.shards):
        stream = quarantine_stream(group, shard)
        # Exactly, and not by whole nodes.
        found = int(await redis.xtrim(stream, minid=f"{milliseconds}-0", approximate=False))
        if found:
            log.warning("entries of quarantine expired", stream=stream, entries=found)
        removed += found
    return {"removed": removed}
