"""Reading files of the archive."""

import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from libs.objects import ObjectStore
from services.enrich.archive.model import ArchiveError


@asynccontextmanager
async def downloaded(objects: ObjectStore, key: str, sha256: str) -> AsyncIterator[IO[bytes]]:
    """An object as a file at its beginning. It has no name, so nothing is left of it if this process dies.
    Raises ArchiveError if its bytes are others, ObjectMissing if it is not there."""
    with tempfile.TemporaryFile() as file:
        digest = hashlib.sha256()
        async for piece in objects.read(key):
            digest.update(piece)
            file.write(piece)
        if digest.hexdigest() != sha256:
            raise ArchiveError("the store gave back other bytes than it was given")
        file.seek(0)
        yield file
