"""Fields that identify a person or one event. Questions about behaviour are answered to callers that may read
numbers only, so nothing can be asked by these. Pure."""

from collections.abc import Iterable

from libs.catalog import Catalog
from libs.events.columns import COLUMNS
from libs.events.filtering.fields import FIELDS, Field, FieldType
from libs.events.filtering.syntax import (
    Comparator,
    FilterError,
    Node,
    Restriction,
    restrictions,
)
from libs.events.impersonal import KEPT_OF_OBJECTS

_PERSONAL = frozenset(FIELDS[column.name] for column in COLUMNS if column.personal)


def is_identifying(path: tuple[str, ...], catalog: Catalog, names: Iterable[str]) -> bool:
    """Whether a field, by its path in a filter, may tell one person or one event from the others: columns
    marked `personal`, ids, the property of the app's own name of the person, and properties that the catalog
    marks `x-pii` or `x-subject` in any of the events `names`. Undeclared properties, and fields that do not
    exist, are not."""
    match path:
        case ("properties", name, *_):
            return name == catalog.subject_name or any(
                name in marked for marked in _marked_properties(catalog, names)
            )
        case (head, *inner) if head in KEPT_OF_OBJECTS and inner:
            return len(inner) > 1 or inner[0] not in KEPT_OF_OBJECTS[head]
    field = FIELDS.get(".".join(path))
    return field is not None and (field in _PERSONAL or field.type is FieldType.UUID)


def check_divides(path: tuple[str, ...], catalog: Catalog, names: Iterable[str]) -> str | None:
    """Why people may not be divided by a field, None if they may."""
    if is_identifying(path, catalog, names):
        return "identifies a person or an event"
    if _is_time(FIELDS.get(".".join(path))):
        return "is a moment, which tells one event from the others"
    return None


def check_identifies_no_one(node: Node | None, catalog: Catalog, names: Iterable[str]) -> None:
    """Raises FilterError with the place of a field that identifies a person or an event, or of a moment that
    a time must be equal to."""
    for restriction in restrictions(node):
        name = ".".join(restriction.path)
        if is_identifying(restriction.path, catalog, names):
            raise FilterError(
                f"`{name}` identifies a person or an event; this call answers about groups",
                restriction.position,
            )
        if _is_one_moment(restriction):
            raise FilterError(
                f"`{name}` can only be compared by <, <=, > and >=: one moment identifies an event",
                restriction.position,
            )


def _marked_properties(catalog: Catalog, names: Iterable[str]) -> Iterable[frozenset[str]]:
    for name in names:
        for version in catalog.events[name].versions.values():
            yield version.pii_properties
            yield version.subject_properties


def _is_one_moment(restriction: Restriction) -> bool:
    value = restriction.value
    asks_for_any = value.pieces == ("", "") or (value.text == "null" and not value.quoted)
    compared = (Comparator.EQUALS, Comparator.DIFFERS, Comparator.HAS)
    return (
        _is_time(FIELDS.get(".".join(restriction.path)))
        and restriction.comparator in compared
        and not asks_for_any
    )


def _is_time(field: Field | None) -> bool:
    return field is not None and field.type is FieldType.TIME
