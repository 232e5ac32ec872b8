"""The files of a folder of catalogs: what is in them, and whether they have changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class FileMark(NamedTuple):
    """What tells two states of a file apart without reading it."""

    name: str
    device: int
    inode: int
    size: int
    modified_ns: int


FolderMarks = tuple[FileMark, ...]


def catalog_files(folder: Path) -> list[Path]:
    """Every `*.yaml` in `folder`, by name; none if the folder cannot be read."""
    try:
        return sorted(folder.glob("*.yaml"))
    except OSError:
        return []


def folder_marks(folder: Path) -> FolderMarks:
    """A mark for each file of `catalog_files`; equal marks mean unchanged files.

    Symbolic links are followed, so a folder or a file that is replaced by turning a link, as Kubernetes
    does with a ConfigMap, has other marks. A file that cannot be looked at has none.
    """
    marks = []
    for file in catalog_files(folder):
        try:
            status = file.stat()
        except OSError:
            continue
        marks.append(
            FileMark(file.name, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        )
    return tuple(marks)


def read_files(folder: Path) -> Mapping[Path, bytes | OSError]:
    """The bytes of each file of `catalog_files`, or why there are none."""
    found: dict[Path, bytes | OSError] = {}
    for file in catalog_files(folder):
        try:
            found[file] = file.read_bytes()
        except OSError as error:
            found[file] = error
    return found
