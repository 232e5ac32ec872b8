"""What an export needs of others."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Protocol


class Objects(Protocol):
    """Where files are kept, by key: what exports need of `libs.objects`."""

    async def put(self, key: str, content: AsyncIterable[bytes]) -> None:
        """Stores a file, in the place of one of that key; no reader sees a part of it."""
        ...

    def read(self, key: str, start: int = 0) -> AsyncIterator[bytes]:
        """The bytes of a file from `start` on, in pieces."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Removes files; those that are not there do not matter."""
        ...


class SealedValues(Protocol):
    """Opens what is sealed in stored rows."""

    async def opened(self, app_id: str, lines: Sequence[bytes]) -> Sequence[bytes]:
        """The rows, JSON objects, with the values of sealed properties in place of what is stored. One whose
        key is destroyed stays sealed."""
        ...


class NothingSealed:
    """Implements SealedValues for stores without sealed values."""

    async def opened(self, app_id: str, lines: Sequence[bytes]) -> Sequence[bytes]:
        """See the port."""
        return lines
