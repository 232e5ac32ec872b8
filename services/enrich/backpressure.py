"""Enrich stops reading while aggregate is too far behind; ingest's backlog grows then, and ingest slows its
producers."""

from collections.abc import Awaitable, Callable


class Backpressure:
    """Whether what aggregate has not counted has more bytes than it may."""

    def __init__(self, size_bytes: Callable[[], Awaitable[int]], max_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._max_bytes = max_bytes
        self._exceeded = False

    def is_set(self) -> bool:
        """As of the last call of `measure`."""
        return self._exceeded

    async def measure(self) -> None:
        """Asks for the size anew."""
        self._exceeded = await self._size_bytes() > self._max_bytes
