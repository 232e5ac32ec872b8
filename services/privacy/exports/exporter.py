"""Writes an export: all services' rows into spools, from there into a ZIP, and that to the object store."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import IO

from libs.common.subject_data import Export, HeldRows
from services.privacy.exports.bundle import About, write_bundle
from services.privacy.exports.files import StoredExport
from services.privacy.exports.ports import Objects, SealedValues
from services.privacy.exports.spools import Spools

ReadRows = Callable[[Export], AsyncIterator[HeldRows]]
_READ_AT_ONCE = 1 << 20


class Exporter:
    """Writes exports, of the rows that `sources` read, by the service's name. The room for temporary files
    grows with what is held about a person; memory does not."""

    def __init__(
        self, sources: Mapping[str, ReadRows], sealed: SealedValues, objects: Objects
    ) -> None:
        self._sources = sources
        self._sealed = sealed
        self._objects = objects

    async def write(
        self,
        request_id: str,
        export: Export,
        key: str,
        on_read: Callable[[str], Awaitable[None]] | None = None,
    ) -> StoredExport:
        """Stores the export of a person as the object `key`, in the place of one from an earlier attempt,
        which it equals unless something was removed meanwhile. `on_read` hears of each service that was read.

        Raises what the sources and the object store raise, and OSError without room for temporary files.
        """
        subject = export.subject
        about = About(subject.app_id, subject.subject_id, request_id, export.received_before)
        with Spools() as spools, tempfile.TemporaryFile() as file:
            for service, read in self._sources.items():
                async for held in read(export):
                    lines = await self._sealed.opened(subject.app_id, held.lines)
                    await asyncio.to_thread(spools.add, replace(held, lines=lines))
                if on_read is not None:
                    await on_read(service)
            await asyncio.to_thread(write_bundle, file, about, spools)
            size, digest = await asyncio.to_thread(_measured, file)
            await self._objects.put(key, _pieces(file))
            return StoredExport(size, digest, {spool.kind: spool.rows for spool in spools})


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    file.seek(0)
    while piece := await asyncio.to_thread(file.read, _READ_AT_ONCE):
        yield piece


def _measured(file: IO[bytes]) -> tuple[int, str]:
    file.seek(0)
    digest = hashlib.sha256()
    size = 0
    while part := file.read(_READ_AT_ONCE):
        digest.update(part)
        size += len(part)
    return size, digest.hexdigest()
