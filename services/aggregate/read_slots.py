"""How many calls of one kind read stored events at once, so that they leave Postgres to those who store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.common.errors import LimitExceeded

_RETRY_AFTER_SECONDS = 2.0


class ReadSlots:
    """`limit` calls at once, and `waiting` more that wait for one of them to end. `name` is the setting that
    callers are shown."""

    def __init__(self, name: str, limit: int, *, waiting: int) -> None:
        self._name = name
        self._limit = limit
        self._places = limit + waiting
        self._taken = 0
        self._slots = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Holds a slot inside the block. Raises LimitExceeded if as many wait as may."""
        if self._taken >= self._places:
            raise LimitExceeded(
                f"{self._taken} calls of this kind are open already; the limit is {self._name}",
                limit=self._name,
                value=self._limit,
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        self._taken += 1
        try:
            async with self._slots:
                yield
        finally:
            self._taken -= 1
