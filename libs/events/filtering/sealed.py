"""Filters cannot ask about sealed properties: equal values are stored as different ones. Pure."""

from collections.abc import Collection

from libs.catalog import Catalog
from libs.events.filtering.reach import possible_names
from libs.events.filtering.syntax import FilterError, Node, restrictions


def check_not_sealed(
    node: Node | None, catalog: Catalog, names: Collection[str] | None = None
) -> None:
    """Raises FilterError with the place of a property that is sealed in one of the events `names`, None for
    all that the filter can find."""
    if not catalog.sealed:
        return
    if names is None:
        names = possible_names(node, catalog.events)
    for restriction in restrictions(node):
        match restriction.path:
            case ("properties", prop, *_):
                for name in sorted(names):
                    if prop in catalog.sealed.get(name, ()):
                        raise FilterError(
                            f"`properties.{prop}` is sealed in `{name}`: no filter can read it",
                            restriction.position,
                        )
