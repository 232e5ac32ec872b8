"""A file that is downloaded: FILE.part until it is whole, from which a later attempt goes on."""

import hashlib
import os
from pathlib import Path
from typing import Self

from libs.runtime.durable_files import rename, sync


class DownloadError(Exception):
    """The file cannot be written, or is not what was asked for; the message says why."""


class DownloadedFile:
    """The file at `path`, which must not exist. Raises DownloadError."""

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise DownloadError(f"{path} exists: name another file, or delete it")
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._digest = hashlib.sha256()
        try:
            # It has personal data: only this user may read it.
            descriptor = os.open(self._part, os.O_RDWR | os.O_CREAT, 0o600)
            self._file = os.fdopen(descriptor, "r+b")
            while read := self._file.read(1 << 20):
                self._digest.update(read)
        except OSError as error:
            raise DownloadError(f"{self._part}: {error.strerror}") from None
        self.size = self._file.tell()

    def write(self, data: bytes) -> None:
        """Adds the next part."""
        try:
            self._file.write(data)
        except OSError as error:
            raise DownloadError(f"{self._part}: {error.strerror}") from None
        self._digest.update(data)
        self.size += len(data)

    def finish(self, sha256: str) -> None:
        """Gives the file its name, if it has this SHA-256, in hex digits; else removes it."""
        try:
            sync(self._file)
            if self._digest.hexdigest() != sha256:
                self._part.unlink()
                raise DownloadError(f"{self._path}: not what the service has stored; do it again")
            rename(self._part, self._path)
        except OSError as error:
            raise DownloadError(f"{self._part}: {error.strerror}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
