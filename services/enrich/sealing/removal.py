"""Events without the properties that are to be sealed."""

from collections.abc import Mapping

from libs.common.exact_json import exact_dumps, exact_loads
from services.enrich.model import Event


def remove_properties(event: Event, marked: Mapping[str, frozenset[str]]) -> bool:
    """Removes those that `marked` has by the event's name, all if they cannot be read; whether it had any."""
    names = marked.get(event.name)
    if names is None:
        return False
    try:
        properties = exact_loads(event.properties_json)
    except ValueError:
        event.properties_json = b"{}"
        return True
    kept = {name: value for name, value in properties.items() if name not in names}
    event.properties_json = exact_dumps(kept)
    return len(kept) < len(properties)
