"""All catalogs as one load found them. A snapshot never changes, so code that works with one for the
length of a batch sees the same catalogs from the first step to the last."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast

from libs.catalog.model import Catalog

T = TypeVar("T")


class SnapshotEntry:
    """One app's catalog, the digest of its file, and what was derived from the catalog so far. The same
    entry is in every snapshot that was loaded while the file stayed as it is."""

    __slots__ = ("_derived", "catalog", "digest")

    def __init__(self, catalog: Catalog, digest: bytes = b"") -> None:
        self.catalog = catalog
        self.digest = digest
        self._derived: dict[Callable[[Catalog], Any], Any] = {}

    def derived(self, derive: Callable[[Catalog], T]) -> T:
        """What `derive` makes of the catalog; it is called once, so it must be one function and not a
        lambda or a bound method that is made for each call."""
        try:
            return cast(T, self._derived[derive])
        except KeyError:
            made = self._derived[derive] = derive(self.catalog)
            return made


class Snapshot:
    """The catalogs by app id, in the order of their files.

    `version` is a digest of all files, the same wherever the same files were loaded; `loaded_at_us` is
    when that was, in microseconds since 1970, 0 if the loader did not say.
    """

    __slots__ = ("catalogs", "entries", "loaded_at_us", "version")

    def __init__(
        self, version: str, loaded_at_us: int, entries: Mapping[str, SnapshotEntry]
    ) -> None:
        self.version = version
        self.loaded_at_us = loaded_at_us
        self.entries: Mapping[str, SnapshotEntry] = MappingProxyType(dict(entries))
        self.catalogs: Mapping[str, Catalog] = MappingProxyType(
            {app_id: entry.catalog for app_id, entry in entries.items()}
        )

    @classmethod
    def of(cls, *catalogs: Catalog, version: str = "") -> "Snapshot":
        """A snapshot of catalogs that come from no folder."""
        return cls(version, 0, {catalog.app_id: SnapshotEntry(catalog) for catalog in catalogs})

    def derived(self, app_id: str, derive: Callable[[Catalog], T]) -> T:
        """What `derive` makes of the app's catalog, computed once for each catalog. Raises KeyError for
        an app that the snapshot does not have."""
        return self.entries[app_id].derived(derive)
