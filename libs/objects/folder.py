"""Objects as files of a folder."""

import asyncio
import os
import shutil
import stat
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from libs.common.errors import ConfigurationError
from libs.objects.port import ObjectInfo, ObjectMissing, ObjectStoreError, check_key
from libs.runtime.durable_files import create_private, rename, sync, sync_folder

_PIECE_BYTES = 1024 * 1024
# No key begins with a point.
_UNFINISHED = ".unfinished"


class FolderStore:
    """Implements `port.ObjectStore`. An object is written beside the others, and gets its name when it is on
    disk. Only the user of this process can look into the folder, unless it was there before."""

    def __init__(self, root: Path) -> None:
        """A folder that `open` has made."""
        self._root = root

    @classmethod
    def open(cls, root: Path, setting: str) -> "FolderStore":
        """The folder, made if it is not there. Raises ConfigurationError, which names the setting."""
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            (root / _UNFINISHED).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{setting}: cannot use {root}: {error.strerror}") from None
        return cls(root)

    async def put(self, key: str, content: bytes | Path | AsyncIterable[bytes]) -> None:
        """See the port."""
        target = self._path(key)
        unfinished = self._root / _UNFINISHED / uuid.uuid4().hex
        with _failures():
            try:
                with await asyncio.to_thread(create_private, unfinished) as file:
                    await _write(file, content)
                    await asyncio.to_thread(sync, file)
                await asyncio.to_thread(rename, unfinished, target)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See the port."""
        with _failures(), await asyncio.to_thread(self._path(key).open, "rb") as file:
            file.seek(start)
            left = None if end is None else end - start
            while left is None or left > 0:
                wanted = _PIECE_BYTES if left is None else min(left, _PIECE_BYTES)
                if not (piece := await asyncio.to_thread(file.read, wanted)):
                    return
                left = None if left is None else left - len(piece)
                yield piece

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """See the port."""
        folder = self._path(prefix) if prefix else self._root
        with _failures():
            found = await asyncio.to_thread(lambda: [*self._walk(folder)])
        for info in found:
            yield info

    async def find(self, key: str) -> ObjectInfo | None:
        """See the port."""
        with _failures():
            return await asyncio.to_thread(self._info, self._path(key))

    async def move(self, source: str, target: str) -> None:
        """See the port."""
        found, wanted = self._path(source), self._path(target)
        with _failures():
            if not await asyncio.to_thread(found.is_file):
                if await asyncio.to_thread(wanted.is_file):
                    return
                raise ObjectMissing
            await asyncio.to_thread(rename, found, wanted)

    async def delete(self, keys: Sequence[str]) -> None:
        """See the port."""
        paths = [self._path(key) for key in keys]
        with _failures():
            await asyncio.to_thread(self._delete, paths)

    async def remove_unfinished(self, before: datetime) -> int:
        """See the port."""
        with _failures():
            return await asyncio.to_thread(self._remove_unfinished, before)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _delete(self, paths: Sequence[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in paths}:
            if folder.is_dir():
                sync_folder(folder)

    def _walk(self, folder: Path) -> Iterator[ObjectInfo]:
        for parent, folders, names in os.walk(folder):
            if _UNFINISHED in folders:
                folders.remove(_UNFINISHED)
            for name in names:
                if info := self._info(Path(parent, name)):
                    yield info

    def _info(self, path: Path) -> ObjectInfo | None:
        try:
            about = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(about.st_mode):
            return None
        modified_at = datetime.fromtimestamp(about.st_mtime, UTC)
        return ObjectInfo(path.relative_to(self._root).as_posix(), about.st_size, modified_at)

    def _remove_unfinished(self, before: datetime) -> int:
        removed = 0
        for path in (self._root / _UNFINISHED).iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()
                    removed += 1
        return removed


async def _write(file: IO[bytes], content: bytes | Path | AsyncIterable[bytes]) -> None:
    if isinstance(content, bytes):
        await asyncio.to_thread(file.write, content)
    elif isinstance(content, Path):
        with content.open("rb") as source:
            await asyncio.to_thread(shutil.copyfileobj, source, file, _PIECE_BYTES)
    else:
        async for piece in content:
            await asyncio.to_thread(file.write, piece)


@contextmanager
def _failures() -> Iterator[None]:
    """Errors of the file system, without the names of files."""
    try:
        yield
    except FileNotFoundError:
        raise ObjectMissing from None
    except OSError as error:
        raise ObjectStoreError(f"the folder of objects: {error.strerror}") from None
