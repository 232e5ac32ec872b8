"""The one look-up of an app that a caller names."""

from libs.catalog import Catalog, Snapshot
from libs.common.errors import AppUnknown


def catalog_of(snapshot: Snapshot, app_id: str) -> Catalog:
    """The app's catalog. Raises AppUnknown when none is loaded for it."""
    try:
        return snapshot.catalogs[app_id]
    except KeyError:
        raise AppUnknown(app_id) from None
