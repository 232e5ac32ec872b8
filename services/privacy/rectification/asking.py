"""What a rectification asks for, as the journal of requests has it: without a value. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from libs.catalog import Catalog
from libs.common.errors import InvalidArgument
from libs.common.event_properties import PropertiesError, read_value
from libs.common.pseudonym import Pseudonymizer
from libs.common.rectification import PropertyChange, value_hash

MOST_CHANGES = 100


def check_changes(catalog: Catalog, changes: Sequence[PropertyChange]) -> None:
    """Raises InvalidArgument unless each change is of another property, and each property is one that an
    event of the app declares: anything else could be personal data, and the journal keeps the names."""
    if not 1 <= len(changes) <= MOST_CHANGES:
        raise InvalidArgument(f"must be 1 to {MOST_CHANGES}", field="changes")
    versions = [version for event in catalog.events.values() for version in event.versions.values()]
    paths = [tuple(change.path.split(".")) for change in changes]
    for place, path in enumerate(paths):
        field = f"changes[{place}].property"
        if not any(version.declares(path) for version in versions):
            raise InvalidArgument("is not declared by any event of the catalog", field=field)
        for other in paths[:place]:
            if path[: len(other)] == other or other[: len(path)] == path:
                raise InvalidArgument("is a part of another one, or the same", field=field)


def parameters_of(
    pseudonymizer: Pseudonymizer,
    app_id: str,
    event_uuid: UUID,
    changes: Sequence[PropertyChange],
) -> Mapping[str, Any]:
    """What is written down of it: the event, and by property a keyed hash of the new value, empty if it is
    removed. Raises InvalidArgument for what is no JSON value."""
    hashes = {}
    for place, change in enumerate(changes):
        hashes[change.path] = ""
        if change.value_json is not None:
            try:
                value = read_value(change.value_json)
            except PropertiesError as error:
                field = f"changes[{place}].value_json"
                raise InvalidArgument(str(error), field=field) from None
            hashes[change.path] = value_hash(pseudonymizer, app_id, event_uuid, change.path, value)
    return {"event": str(event_uuid), "properties": hashes}
