"""Work for a consumer on a real Redis: a job that counts, and a store that fails as a test wants it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from libs.stores.failure import StoreFailure
from libs.stores.redis_client import RedisClient
from libs.streams.consumer import Consumer, EntryHandling
from libs.streams.groups import Entry
from libs.streams.quarantine import Quarantine
from tests.integration.streams.stream import group_of
from tests.support.streams import entries_of

QUARANTINE, ATTEMPTS = "g:{0}:quarantine", "g:{0}:attempts"


class StoreDownError(Exception):
    pass


class OverloadedError(Exception):
    pass


def failure_of(error: Exception) -> StoreFailure | None:
    if isinstance(error, StoreDownError):
        return StoreFailure.UNAVAILABLE
    return StoreFailure.OVERLOADED if isinstance(error, OverloadedError) else None


class Job:
    """Counts how often each number was worked on; `trouble` is raised for some of them."""

    def __init__(self) -> None:
        self.done: Counter[int] = Counter()
        self.chunks: list[int] = []
        self.trouble: dict[int, Exception] = {}
        self.down = False
        # More at a time is too much for the store.
        self.most = 1_000_000
        self.open = asyncio.Event()
        self.open.set()

    async def work(self, entries: Sequence[Entry]) -> None:
        self.chunks.append(len(entries))
        await self.open.wait()
        if self.down:
            raise StoreDownError
        if len(entries) > self.most:
            raise OverloadedError
        numbers = [int(entry.fields[b"n"]) for entry in entries]
        for number in numbers:
            if number in self.trouble:
                raise self.trouble[number]
        self.done.update(numbers)


@asynccontextmanager
async def consuming(
    client: RedisClient,
    job: Job,
    *,
    consumer: str = "me",
    idle: float = 0.1,
    max_entries: int = 100,
    **options: Any,
) -> AsyncIterator[asyncio.Event]:
    """A consumer that runs until the block is left, or the event is set."""
    reader = Consumer(
        group_of(client, consumer=consumer, idle=idle),
        Quarantine(client, "g", max_attempts=3, max_entries=max_entries),
        EntryHandling(job.work, failure_of, **options),
        jitter=lambda: 0.0,
    )
    stop = asyncio.Event()
    running = asyncio.create_task(reader.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        job.open.set()
        await running


async def quarantined(client: RedisClient) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in await entries_of(client, QUARANTINE)]


async def die_holding(client: RedisClient, deaths_alone: int) -> None:
    """One reader was given all entries, then others each of them alone; all of them died."""
    dead = group_of(client, consumer="dead")
    await dead.create()
    quarantine = Quarantine(client, "g", max_attempts=3, max_entries=100)
    for entry in await dead.read(0.01):
        for _ in range(deaths_alone):
            await quarantine.admit(entry)
