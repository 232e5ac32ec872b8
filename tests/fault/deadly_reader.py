"""A reader of `STREAM` that notes what it reads in Redis, and dies of one entry.

python -m tests.fault.deadly_reader REDIS_URL
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from libs.stores.redis_client import create_redis
from libs.streams.consumer import EntryHandling, create_consumer
from libs.streams.groups import Entry
from libs.streams.settings import StreamReaderSettings

GROUP, STREAM = "test", "test:{0}:deadly"
DONE = "done"
DEADLY = b"77"


async def main(redis_url: str) -> None:
    """Reads until it is killed, by its entry or by others."""
    redis = create_redis(redis_url)

    async def note(entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.fields[b"n"] == DEADLY:
                os.kill(os.getpid(), signal.SIGKILL)
            # A set: repeating is harmless.
            await redis.sadd(DONE, entry.fields[b"n"])

    consumer = create_consumer(
        redis,
        StreamReaderSettings(claim_idle_seconds=0.3),
        group=GROUP,
        streams=[STREAM],
        handling=EntryHandling(note, failure_of=lambda error: None),
    )
    await consumer.run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
