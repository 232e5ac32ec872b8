"""The filters in a catalog, which the catalog's compiler takes as texts."""

from libs.catalog import Catalog
from libs.events.filtering import FilterError, compile_filter, parse_filter
from libs.events.filtering.sealed import check_not_sealed
from services.aggregate.behaviour.identifying import check_identifies_no_one


def filter_mistakes(catalog: Catalog) -> list[str]:
    """What is wrong with the filters of its behaviours, a line for each."""
    found = []
    for behaviour in catalog.behaviours.values():
        try:
            node = parse_filter(behaviour.filter)
            compile_filter(node)
            check_not_sealed(node, catalog, behaviour.events)
            check_identifies_no_one(node, catalog, behaviour.events)
        except FilterError as error:
            place = f"{catalog.app_id}: behaviours.{behaviour.name}.filter"
            found.append(f"{place}: at character {error.position + 1}: {error.message}")
    return found
