"""The holder of the snapshot that is in use."""

from libs.catalog.model import Catalog
from libs.catalog.snapshot import Snapshot


class Catalogs:
    """Hands out the current snapshot. Take it once for each batch or call, and hand it on: between two
    looks at `current` it may have been replaced."""

    __slots__ = ("current",)

    def __init__(self, snapshot: Snapshot) -> None:
        self.current = snapshot

    @classmethod
    def of(cls, *catalogs: Catalog) -> "Catalogs":
        """A holder of catalogs that come from no folder."""
        return cls(Snapshot.of(*catalogs))
