"""Ingest's pipeline with appends that a test lets through one by one."""

import asyncio

from services.ingest.intake.model import Append, Appended, Frame
from tests.support.events import event_of
from tests.support.ingest_fakes import MemoryRawStream
from tests.support.ingest_pipeline import Ingest


class Gate:
    """Appends wait until they are let through, oldest first."""

    def __init__(self, stream: MemoryRawStream) -> None:
        self._append = stream.append
        self.waiting: list[tuple[Append, asyncio.Event]] = []
        # Raised instead of the next appends, for those that are not None.
        self.errors: list[Exception | None] = []
        stream.append = self.append  # type: ignore[method-assign]

    async def append(self, shard: int, append: Append) -> Appended | None:
        go = asyncio.Event()
        self.waiting.append((append, go))
        await go.wait()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return await self._append(shard, append)

    def sizes(self) -> list[int]:
        return [len(append.events) for append, _ in self.waiting]

    def let_through(self) -> None:
        self.waiting.pop(0)[1].set()


async def let_run() -> None:
    """Lets everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


def frame_of(*event_ids: str, **fields: object) -> Frame:
    return Frame([event_of(event_id, **fields) for event_id in event_ids])


def gated(**options: object) -> tuple[Ingest, Gate]:
    ingest = Ingest(**options)  # type: ignore[arg-type]
    return ingest, Gate(ingest.stream)
