"""Events without what identifies a person: which columns and values remain, as SQL. Pure.

What the catalog does not declare is left out, and so is what it marks. A value that would remain is left out
if it is, or contains, the event's own id of a person or session.
"""

import json
from collections.abc import Mapping

from libs.catalog import Catalog
from libs.catalog.source import ATTRIBUTION_FIELDS
from libs.events.columns import COLUMNS, EventColumn
from libs.events.filtering.reach import possible_names
from libs.events.filtering.syntax import FilterError, Node, restrictions
from libs.events.lines import Values

# What remains of objects that are personal as a whole, beside properties; page addresses may hold ids.
KEPT_OF_OBJECTS: Mapping[str, frozenset[str]] = {
    "attribution": frozenset(ATTRIBUTION_FIELDS),
    "context": frozenset(
        (
            "platform",
            "device_type",
            "app_version",
            "locale",
            "timezone",
            "assignment_id",
            "sequence_id",
            "class_id",
        )
    ),
}
# Not personal, but other files have the first, all events of a session share the second, and those that one
# client sent together the third.
_LINKS = frozenset({"event_uuid", "session_started_at", "received_at"})
# Texts of the producer that may be the person.
_MAYBE_THE_PERSON = frozenset({"group_id", "entity_type"})
_IDS = ("subject_id", "anonymous_id", "session_id")
_PROPERTIES = """(
    SELECT coalesce(jsonb_object_agg(key, value), CAST('{{}}' AS jsonb)) FROM jsonb_each(properties)
    WHERE CASE CAST(:kept_properties AS jsonb) -> name ->> key
        WHEN 'number' THEN true WHEN 'other' THEN {harmless} ELSE false END
)"""
_OBJECT = """(
    SELECT jsonb_object_agg(key, value) FROM jsonb_each({column})
    WHERE key = ANY(CAST(:kept_{column} AS text[])) AND {harmless}
)"""


def impersonal_values() -> Values:
    """The columns of a file without personal data, and the SQL of their values."""
    found = {column: _value(column) for column in COLUMNS}
    return {column: value for column, value in found.items() if value}


def impersonal_parameters(catalog: Catalog) -> Mapping[str, object]:
    """The parameters of that SQL for one app."""
    kept = {name: _kept_properties(catalog, name) for name in catalog.events}
    objects = {f"kept_{name}": sorted(fields) for name, fields in KEPT_OF_OBJECTS.items()}
    return {"kept_properties": json.dumps(kept), **objects}


def check_kept(node: Node | None, catalog: Catalog) -> None:
    """Raises FilterError with the place of a property that remains in none of the events that the filter can
    find."""
    names = possible_names(node, catalog.events)
    kept = {prop for name in names for prop in _kept_properties(catalog, name)}
    for restriction in restrictions(node):
        match restriction.path:
            case ("properties", prop, *_) if prop not in kept:
                raise FilterError(
                    f"`properties.{prop}` is left out: no event that the filter finds declares it",
                    restriction.position,
                )


def _value(column: EventColumn) -> str:
    """Empty if the column is left out."""
    if column.name == "properties":
        return _PROPERTIES.format(harmless=_harmless())
    if column.name in KEPT_OF_OBJECTS:
        return _OBJECT.format(column=column.name, harmless=_harmless())
    if column.personal or column.name in _LINKS:
        return ""
    if column.name in _MAYBE_THE_PERSON:
        ids = ", ".join(_IDS)
        # A null among the ids makes no text equal to them.
        return f"CASE WHEN {column.name} IN ({ids}) THEN NULL ELSE {column.name} END"
    return column.name


def _kept_properties(catalog: Catalog, name: str) -> dict[str, str]:
    """By property, whether it is a `number` in all versions that declare it, or something `other`."""
    versions = catalog.events[name].versions.values()
    marked = {catalog.subject_name}
    for version in versions:
        marked |= version.pii_properties | version.subject_properties
    kept: dict[str, str] = {}
    for version in versions:
        declared = version.schema.get("properties")
        for prop in declared if isinstance(declared, dict) else ():
            if prop not in marked:
                is_number = (prop,) in version.number_properties
                kept[prop] = "number" if is_number and kept.get(prop) != "other" else "other"
    return kept


def _harmless() -> str:
    """Whether `value` is none of the ids, also as a number, and has none of them in it as a text or name."""
    named = [f"strpos(CAST(value AS text), CAST(to_json({column}) AS text)) > 0" for column in _IDS]
    equal = [f"value #>> '{{}}' = {column}" for column in _IDS]
    return f"({' OR '.join((*named, *equal))}) IS NOT TRUE"
