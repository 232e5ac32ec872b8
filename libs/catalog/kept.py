"""Which events stay when a person is erased, because a law keeps them."""

from collections.abc import Mapping
from types import MappingProxyType

from libs.catalog.model import Catalog


def kept_names(catalog: Catalog) -> Mapping[str, str]:
    """The names of events that a law keeps, each with the reason."""
    kept = catalog.erasure.kept
    return MappingProxyType(
        {
            each.name: kept[each.category.name]
            for each in catalog.events.values()
            if each.category.name in kept
        }
    )
