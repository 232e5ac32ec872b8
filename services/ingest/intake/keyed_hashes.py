"""Replaces values that the catalog wants stored as keyed hashes only, such as ids of devices."""

from collections.abc import Callable, Collection
from typing import Any

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog
from libs.common.exact_json import exact_dumps, exact_loads
from services.ingest.intake.context_extra import rewrite_extra

# The keyed hash of a text.
Hash = Callable[[str], str]


def hash_named(catalog: Catalog, event: Event, keyed: Hash) -> bool:
    """Replaces, in properties, `context.extra` and the entity, the values under the names that the catalog
    lists by their keyed hashes. Returns whether the properties, which have to be JSON, have changed."""
    collection = catalog.collection
    names = collection.hashed
    if event.HasField("entity") and event.entity.type in names and event.entity.id:
        event.entity.id = keyed(event.entity.id)
    rewrite_extra(event, lambda extra: _hashed_within(extra, names, keyed))
    raw = event.properties_json
    # A name may be written with escapes.
    if not any(mark in raw for mark in collection.hashed_marks) and b"\\u" not in raw:
        return False
    properties = exact_loads(raw)
    replaced = _hashed_within(properties, names, keyed)
    if replaced == properties:
        return False
    event.properties_json = exact_dumps(replaced)
    return True


def _hashed_within(value: Any, names: Collection[str], keyed: Hash) -> Any:
    if type(value) is dict:
        return {
            name: _hashed(inner, keyed) if name in names else _hashed_within(inner, names, keyed)
            for name, inner in value.items()
        }
    return (
        [_hashed_within(inner, names, keyed) for inner in value] if type(value) is list else value
    )


def _hashed(value: Any, keyed: Hash) -> Any:
    """The same with keyed hashes in the place of all that it holds."""
    if value is None or value == "":
        return value
    if type(value) is dict:
        return {name: _hashed(inner, keyed) for name, inner in value.items()}
    if type(value) is list:
        return [_hashed(inner, keyed) for inner in value]
    return keyed(value if type(value) is str else exact_dumps(value).decode())
