"""Files that are there as a whole or not at all, are on disk on return, and that only their owner can read.

A file is written beside the one that it is to be, and gets its name when its content is on disk.
"""

import os
from pathlib import Path
from typing import IO

_PRIVATE = 0o600


def create_private(file: Path) -> IO[bytes]:
    """A new file to write to, with mode 0600. Raises FileExistsError and OSError."""
    return open(file, "xb", opener=_private)


def sync(file: IO[bytes]) -> None:
    """On return the content is on disk. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())


def rename(source: Path, target: Path) -> None:
    """Replaces the target in one step; its folders are made if they are not there. On return the new name is
    on disk. Raises OSError."""
    made = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
    for folder in {source.parent, target.parent, *(folder.parent for folder in made)}:
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """On return the names in the folder are on disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private(file: Path, text: str) -> None:
    """Replaces the file. Raises OSError."""
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with create_private(unfinished) as stream:
        stream.write(text.encode())
        sync(stream)
    rename(unfinished, file)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _PRIVATE)
