"""Which field of a filter is which column, and what its values are. Columns are named by this table only."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from libs.catalog.problems import did_you_mean
from libs.events.columns import COLUMNS
from libs.events.filtering.syntax import FilterError, Restriction


class FieldType(Enum):
    """What a field is compared with."""

    TEXT = auto()
    TIME = auto()
    UUID = auto()
    JSON = auto()  # a value inside of a JSON column: text, number, true, false, list or object


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a filter names: its SQL, its type, and the way inside a JSON column, empty otherwise."""

    sql: str
    type: FieldType
    path: tuple[str, ...] = ()


_TYPES = {
    "text": FieldType.TEXT,
    "timestamp with time zone": FieldType.TIME,
    "uuid": FieldType.UUID,
    "jsonb": FieldType.JSON,
    # As a text: `true` or `false`.
    "boolean": FieldType.TEXT,
}
# Of columns in which an empty text, or the key, stands for a value that is missing, and of other types.
_EXPRESSIONS = {
    "event_id": "coalesce(event_id, CAST(event_uuid AS text))",
    "schema_version": "nullif(schema_version, '')",
    "producer": "nullif(producer, '')",
    "consent_given": "CAST(consent_given AS text)",
    "ip_anonymized": "CAST(ip_anonymized AS text)",
}
# As catalogs call them.
_OTHER_NAMES = {"subject": "subject_id", "entity.type": "entity_type", "entity.id": "entity_id"}
_BY_COLUMN: Mapping[str, Field] = {
    column.name: Field(_EXPRESSIONS.get(column.name, column.name), _TYPES[column.type])
    # A request is about one app already.
    for column in COLUMNS
    if column.name != "app_id"
}
FIELDS: Mapping[str, Field] = {
    **_BY_COLUMN,
    **{name: _BY_COLUMN[column] for name, column in _OTHER_NAMES.items()},
}


def field_of(restriction: Restriction) -> Field:
    """The field that a restriction names. Raises FilterError."""
    head, *rest = restriction.path
    column = FIELDS.get(head)
    if column is not None and column.type is FieldType.JSON:
        if not rest:
            raise FilterError(
                f"`{head}` is an object: name a value in it, as in {head}.NAME",
                restriction.position,
            )
        return Field(column.sql, FieldType.JSON, tuple(rest))
    name = ".".join(restriction.path)
    found = FIELDS.get(name)
    if found is None:
        raise FilterError(
            f"`{name}` is no field of an event{did_you_mean(name, FIELDS)}; an event's own values are"
            " properties.NAME",
            restriction.position,
        )
    return found
