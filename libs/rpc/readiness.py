"""What a service has to do before it is SERVING for the first time."""

import asyncio
from collections.abc import Set


class Startup:
    """Holds a service's health at NOT_SERVING until it is finished, once; later losses are the service's to
    answer, call by call.

    `ignored_while_away` is a store's name: while this store is away the service can work without the
    startup, so health does not wait for it.
    """

    def __init__(self, *, ignored_while_away: str = "") -> None:
        self._store = ignored_while_away
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
