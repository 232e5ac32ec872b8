"""The file that an export writes, and beside it what is needed to go on: FILE.resume."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import BinaryIO, Self


class ExportFileError(Exception):
    """The file cannot be written, or not be gone on with; the message says why. `exit_code` is 2 if another
    command would do."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ExportFile:
    """A file that always ends with a whole line; `path` None is standard output, which cannot be resumed.

    `request` is what identifies the export: one that is resumed must have the same. Raises ExportFileError.
    """

    def __init__(self, path: Path | None, request: bytes, *, resume: bool) -> None:
        self.rows = 0
        self.token = ""
        self._path = path
        self._request = hashlib.sha256(request).hexdigest()
        self._partial = b""
        self._bytes = 0
        self._complete = False
        if path is None:
            self._file: BinaryIO = sys.stdout.buffer
            return
        self._state = path.with_name(path.name + ".resume")
        try:
            self._file = self._reopened(path) if resume else self._new(path)
        except OSError as error:
            raise ExportFileError(f"{path}: {error.strerror}", 1) from None

    def write(self, data: bytes, rows: int, token: str) -> None:
        """Takes what the service sent; an empty token says that it ends within a line."""
        self._partial += data
        if not token:
            return
        try:
            self._file.write(self._partial)
            self._file.flush()
            self._bytes += len(self._partial)
            self._partial = b""
            self.rows += rows
            self.token = token
            self._save()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ExportFileError(f"{self._path}: {error.strerror}", 1) from None

    def drop_partial_line(self) -> None:
        """Forgets what came after the last token: it will come again."""
        self._partial = b""

    def finish(self) -> None:
        """Says that the file is complete."""
        self._complete = True

    @property
    def can_be_resumed(self) -> bool:
        """Whether there is more to come, and a file that it can be added to."""
        return self._path is not None and bool(self.token) and not self._complete

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is None:
            return
        if self._complete:
            os.fsync(self._file.fileno())
        self._file.close()
        if self._complete:
            self._state.unlink(missing_ok=True)
        elif not self.token:
            # Nothing was written: the next attempt shall not find a file that is in its way.
            self._path.unlink(missing_ok=True)

    def _new(self, path: Path) -> BinaryIO:
        if self._state.exists():
            raise ExportFileError(
                f"{path} is an export that was cut: go on with --resume, or delete it and {self._state}"
            )
        try:
            return path.open("xb")
        except FileExistsError:
            raise ExportFileError(f"{path} exists: name another file, or delete it") from None

    def _reopened(self, path: Path) -> BinaryIO:
        try:
            state = json.loads(self._state.read_bytes())
            asked, self.token = state["request"], state["token"]
            self._bytes, self.rows = state["bytes"], state["rows"]
        except FileNotFoundError:
            raise ExportFileError(
                f"there is no {self._state}: {path} is complete, or no export"
            ) from None
        except (ValueError, KeyError, TypeError):
            raise ExportFileError(f"{self._state} cannot be read: begin again", 1) from None
        if asked != self._request:
            raise ExportFileError(
                f"{path} was begun with other options: --resume needs the same app, format, time and filter,"
                " and --without-person as before"
            )
        file = path.open("r+b")
        if file.seek(0, os.SEEK_END) < self._bytes:
            file.close()
            raise ExportFileError(f"{path} is shorter than {self._state} says: begin again", 1)
        # What was written after the state was saved comes again.
        file.truncate(self._bytes)
        file.seek(self._bytes)
        return file

    def _save(self) -> None:
        if self._path is None:
            return
        state = {
            "request": self._request,
            "token": self.token,
            "bytes": self._bytes,
            "rows": self.rows,
        }
        new = self._state.with_name(self._state.name + ".new")
        new.write_text(json.dumps(state))
        # At no moment is there half a state.
        new.replace(self._state)
