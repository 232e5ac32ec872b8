"""Events of which only counts may be kept: their properties are listed, and none can hold content, or a time
finer than the day."""

from libs.catalog.reader import Section
from libs.catalog.schema import declared_types

_SCALARS = frozenset({"string", "integer", "number", "boolean", "null"})
# What would let a property in that is not listed, or look into one that is.
_OPENING = ("patternProperties", "unevaluatedProperties", "dependentSchemas")
_TIMES = frozenset({"date-time", "time"})


def close_properties(entry: Section, parts: dict[str, object]) -> None:
    """Makes the schema `parts` of a counts-only event reject every property that it does not list.

    Notes a problem for a schema that says otherwise, and for a property that is not plainly a text, a
    number, a boolean or one of some values: objects and lists can hold anything. And for one that is a time
    of day by its format, also by that of a schema inside its own.
    """
    if parts.setdefault("additionalProperties", False) is not False:
        entry.complain("a counts-only event takes no other properties", "additionalProperties")
    for keyword in _OPENING:
        if keyword in parts:
            entry.complain("a counts-only event lists its properties", keyword)
    for keyword, schema in parts.items():
        if keyword != "properties" and _has_time(schema):
            entry.complain("a counts-only event has at most a date", keyword)
    properties = parts.get("properties")
    if not isinstance(properties, dict):
        return
    section = entry.child("properties")
    for name, rule in properties.items():
        if not _is_scalar(rule):
            section.complain(
                f"of a counts-only event must be of type {', '.join(sorted(_SCALARS))}, or an enum",
                name,
            )
        elif _has_time(rule):
            section.complain("of a counts-only event has at most a date", name)


def _has_time(schema: object) -> bool:
    """Whether a schema, or one inside it, has the format of a time of day."""
    if isinstance(schema, list | tuple):
        return any(map(_has_time, schema))
    if not isinstance(schema, dict):
        return False
    return any(
        (keyword == "format" and isinstance(value, str) and value in _TIMES) or _has_time(value)
        for keyword, value in schema.items()
    )


def _is_scalar(rule: object) -> bool:
    if not isinstance(rule, dict):
        return False
    if "enum" in rule or "const" in rule:
        return True
    types = declared_types(rule)
    return bool(types) and types <= _SCALARS
