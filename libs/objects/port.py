"""What an object store does, whichever it is."""

import hashlib
import re
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

# What every store takes as it is, and no folder takes for its own.
_SEGMENT = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9._=-]*").fullmatch
_LONGEST_KEY = 512
_LONGEST_SEGMENT = 200


class ObjectStoreError(Exception):
    """The store did not do it; doing it again may help. The message names no object and no secret."""


class ObjectMissing(ObjectStoreError):
    """There is no object of this key."""

    def __init__(self) -> None:
        super().__init__("there is no such object")


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object: its key, its size, and when it was put or moved there."""

    key: str
    size_bytes: int
    modified_at: datetime


class ObjectStore(Protocol):
    """Objects by key. A key has segments of letters, digits and `._=-` with `/` between them; each call
    raises ValueError for any other, and ObjectStoreError if the store fails.

    An object is there as a whole or not at all, and survives a crash of the machine as soon as `put` or
    `move` has returned.
    """

    async def put(self, key: str, content: bytes | Path | AsyncIterable[bytes]) -> None:
        """Writes an object, or replaces it. Memory is bounded for a file and for an iterable."""
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` until before `end`, in pieces of up to some MB; none from its end on.
        Raises ObjectMissing."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """The objects whose keys are in the folder `prefix`, a key without its last segments, in any order;
        all of them if it is empty."""
        ...

    async def find(self, key: str) -> ObjectInfo | None:
        """What is known of an object; None if there is none."""
        ...

    async def move(self, source: str, target: str) -> None:
        """Gives an object another key, and replaces what has it. Done again after a crash, it finishes what
        it began; at no moment is the object under neither key. Raises ObjectMissing if it is not there."""
        ...

    async def delete(self, keys: Sequence[str]) -> None:
        """Removes objects; those that are not there do not matter."""
        ...

    async def remove_unfinished(self, before: datetime) -> int:
        """Removes what writers that died left of objects since before this moment; how many. An S3 store
        does that by itself, by a rule of its bucket."""
        ...


def check_key(key: str) -> str:
    """The key itself. Raises ValueError for one that some store could not hold, or would hold elsewhere."""
    segments = key.split("/")
    if len(key) > _LONGEST_KEY or any(
        len(segment) > _LONGEST_SEGMENT or not _SEGMENT(segment) for segment in segments
    ):
        raise ValueError(
            "an object's key has segments of letters, digits and ._=- with / between them"
        )
    return key


async def read_all(store: ObjectStore, key: str) -> bytes:
    """The bytes of a small object. Raises ObjectMissing."""
    return b"".join([piece async for piece in store.read(key)])


async def sha256_of(store: ObjectStore, key: str) -> str:
    """The SHA-256 of an object's bytes, in hex digits, by reading them. Raises ObjectMissing."""
    digest = hashlib.sha256()
    async for piece in store.read(key):
        digest.update(piece)
    return digest.hexdigest()
