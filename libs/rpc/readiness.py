"""What a service has to do before it is SERVING for the first time."""

import asyncio
from collections.abc import Set


class Startup:
    """Holds a service's health at NOT_SERVING until it is finished, once; later losses are the service's to
    answer, call by call.

    `pointless_without` is a store without which it cannot be finished, while the service can do something
    without both: while that store is away, it holds nothing back.
    """

    def __init__(self, *, pointless_without: str = "") -> None:
        self._store = pointless_without
        self._finished = asyncio.Event()

    def finish(self) -> None:
        """Says that it is done; again does nothing."""
        self._finished.set()

    async def wait(self) -> None:
        """Returns when it is finished."""
        await self._finished.wait()

    def holds_back(self, away: Set[str]) -> bool:
        """Whether the service is not ready yet while those stores are away."""
        return not self._finished.is_set() and self._store not in away
