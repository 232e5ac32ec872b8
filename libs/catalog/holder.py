"""The holder of the snapshot that is in use."""

from collections import deque
from collections.abc import Sequence

from libs.catalog.model import Catalog
from libs.catalog.snapshot import Snapshot, SnapshotEntry

# Catalogs change a few times a day, and what was accepted under one is counted within seconds.
_EARLIER_SNAPSHOTS = 8


class Catalogs:
    """Hands out the current snapshot. Take it once for each batch or call, and hand it on: between two
    looks at `current` it may have been replaced."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._current = snapshot
        self._earlier: deque[Snapshot] = deque(maxlen=_EARLIER_SNAPSHOTS)

    @classmethod
    def of(cls, *catalogs: Catalog) -> "Catalogs":
        """A holder of catalogs that come from no folder."""
        return cls(Snapshot.of(*catalogs))

    @property
    def current(self) -> Snapshot:
        """The snapshot in use."""
        return self._current

    @property
    def earlier(self) -> Sequence[Snapshot]:
        """The last snapshots that are no longer in use, newest first."""
        return tuple(self._earlier)

    def newest(self, app_id: str) -> SnapshotEntry | None:
        """The newest catalog that there was of an app; None if there was none."""
        for snapshot in (self._current, *self._earlier):
            if found := snapshot.entries.get(app_id):
                return found
        return None

    def replace(self, snapshot: Snapshot) -> None:
        """Makes `snapshot` the current one. Who took the one before keeps it."""
        self._earlier.appendleft(self._current)
        self._current = snapshot
