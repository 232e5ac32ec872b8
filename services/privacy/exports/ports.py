"""What an export needs of others."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from libs.common.errors import Unavailable


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

    async def remove_unfinished(self, before: datetime) -> int:
        """Removes what writers that died left behind before this moment."""
        ...


class NoObjects:
    """Implements Objects for an installation that keeps no exports: there are none."""

    async def put(self, key: str, content: AsyncIterable[bytes]) -> None:
        """Raises Unavailable."""
        raise Unavailable("there is no store for exports")

    async def read(self, key: str, start: int = 0) -> AsyncIterator[bytes]:
        """Raises Unavailable."""
        raise Unavailable("there is no store for exports")
        yield b""

    async def delete(self, keys: Sequence[str]) -> None:
        """Nothing is there to be removed."""

    async def remove_unfinished(self, before: datetime) -> int:
        """Nothing is there to be removed."""
        return 0


class SealedValues(Protocol):
    """Opens what is sealed in stored rows."""

    async def opened(self, app_id: str, lines: Sequence[bytes]) -> Sequence[bytes]:
        """The rows, JSON objects, with the values of sealed properties in place of what is stored. One whose
        key is destroyed stays sealed."""
        ...
