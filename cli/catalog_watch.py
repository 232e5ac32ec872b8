"""Whether the files of a catalog folder can be used, for a command that goes on while they change."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

from cli.catalog_folders import REFUSED
from libs.catalog import CatalogError, Snapshot, folder_marks, load_snapshot

# As often as services look by default.
_LOOK_SECONDS = 2.0


class CatalogWatch:
    """Looks at a folder of which `current` is loaded, and tells what services make of changed files: they
    refuse all as long as one is broken. As they do, it reads files that two looks in a row found the same."""

    def __init__(
        self,
        folder: Path,
        current: Snapshot,
        tell: Callable[[str], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`tell` gets lines to print; `clock` is in seconds."""
        self._folder = folder
        self._current = current
        self._tell = tell
        self._clock = clock
        self._next_look = clock() + _LOOK_SECONDS
        self._read = self._seen = folder_marks(folder)

    def look(self) -> None:
        """Tells which changed files cannot be used, and why, or that all can; does nothing if it is not yet
        time for a look."""
        if self._clock() < self._next_look:
            return
        self._next_look = self._clock() + _LOOK_SECONDS
        marks, before = folder_marks(self._folder), self._seen
        self._seen = marks
        if marks == self._read or marks != before:
            return
        self._read = marks
        try:
            self._current = load_snapshot(self._folder, previous=self._current)
        except CatalogError as error:
            self._tell(f"{error}\n{REFUSED}")
        else:
            self._tell(f"the catalogs have changed, version {self._current.version}")
