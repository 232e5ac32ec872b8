"""Carries out one export, which may end anywhere and be begun again: the file is the same then."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from libs.common.clock import Clock, moment_of
from libs.common.subject_data import Export
from services.privacy.exports.exporter import Exporter
from services.privacy.exports.files import ExportFile, ExportFiles, Removal
from services.privacy.exports.ports import Objects

# A writer that has written nothing for so long is gone.
_UNFINISHED = timedelta(minutes=10)


class ExportWork:
    """Writes the files of exports, keeps them for `kept`, and removes them."""

    def __init__(
        self,
        exporter: Exporter,
        files: ExportFiles,
        objects: Objects,
        kept: timedelta,
        clock: Clock,
    ) -> None:
        self._exporter = exporter
        self._files = files
        self._objects = objects
        self._kept = kept
        self._clock = clock

    async def write(
        self,
        request_id: UUID,
        export: Export,
        is_erased: Callable[[], Awaitable[bool]],
        on_read: Callable[[str], Awaitable[None]] | None = None,
    ) -> ExportFile:
        """The file of a request; written unless it is there. One that is unwanted, or of a person of whom
        `is_erased` says that they are being erased, is gone on return.

        Raises what the exporter, the files and the object store raise; safe to repeat.
        """
        app_id, person = export.subject.app_id, export.subject.persons[0]
        # Who knows the request does not know the key.
        key = f"{app_id}/{secrets.token_hex(32)}.zip"
        file = await self._files.begin(app_id, request_id, person, key)
        if file.stored or file.is_removed:
            return file
        # Asked behind the row: an erasure that begins later finds it.
        if not file.is_unwanted and not await is_erased():
            stored = await self._exporter.write(str(request_id), export, file.key, on_read)
            expires_at = self._now() + self._kept
            if not await self._files.finish(request_id, stored, expires_at):
                await self._remove(file)
        else:
            await self._remove(file)
        found = await self._files.find(app_id, request_id)
        assert found is not None
        return found

    async def expire(self) -> int:
        """Removes the files that have expired, unwanted ones, and what is left of attempts that died; how
        many files."""
        await self._objects.remove_unfinished(self._now() - _UNFINISHED)
        removed = 0
        while files := await self._files.removable(self._now()):
            for file in files:
                await self._remove(file)
                removed += 1
        return removed

    async def erase(self, erasure_id: UUID, app_id: str, persons: Sequence[str]) -> Removal:
        """Removes all files about a person for an erasure; `left` are those that are still being written,
        which their writers remove: ask again."""
        await self._files.mark_unwanted(erasure_id, app_id, persons)
        await self.expire()
        return await self._files.unwanted_of(erasure_id, app_id, persons)

    async def _remove(self, file: ExportFile) -> None:
        await self._objects.delete([file.key])
        await self._files.removed(file.request_id)

    def _now(self) -> datetime:
        return moment_of(self._clock.now_us())
