"""From a rollup's cell to the filter that finds the events which were counted in it."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from libs.catalog import CUT_MARK, Dimension, Source, SourceKind
from libs.common.errors import InvalidArgument
from libs.events.filtering import Condition, Node
from libs.events.filtering.fields import FieldType, field_of
from libs.events.filtering.syntax import Comparator, Or, Restriction, Value

_FIELD = "of.cell.dimensions"
_is_person = re.compile("[0-9a-f]{32}").fullmatch
# The length of a value as JSON without the spaces that Postgres writes outside of texts.
_JSON_LENGTH = r"""length(regexp_replace(CAST({0} AS text), '("([^"\\]|\\.)*")| ', '\1', 'g'))"""


def of_names(names: Iterable[str]) -> Node:
    """Finds the events of these names, one at least."""
    each = [_is(("name",), name) for name in sorted(names)]
    return Or(tuple(each)) if len(each) > 1 else each[0]


def of_dimensions(
    dimensions: Iterable[Dimension], values: Mapping[str, Any], characters: int
) -> tuple[list[Node], list[Condition]]:
    """Filters, and conditions that no filter can say, for events with these dimension values, as plain JSON.

    A value of more than `characters` was cut when it was counted. Raises InvalidArgument if a dimension has
    no value, or a value no dimension.
    """
    known = {dimension.name: dimension.source for dimension in dimensions}
    if known.keys() != values.keys():
        named = ", ".join(sorted(known)) or "none"
        raise InvalidArgument(f"must have the rollup's dimensions: {named}", field=_FIELD)
    nodes: list[Node] = []
    conditions: list[Condition] = []
    for number, (name, source) in enumerate(known.items()):
        value = values[name]
        if _may_be_cut(value, characters) or isinstance(value, list | dict):
            conditions.append(_condition(source, value, characters, f"cell{number}_"))
        else:
            nodes.append(_node(source, value))
    return nodes, conditions


def _node(source: Source, value: object) -> Node:
    if source.kind is SourceKind.SUBJECT:
        if value is not None and not _is_person(str(value)):
            raise InvalidArgument("a person is 32 hex digits", field=_FIELD)
        return _is(("person",), value)
    return _is(_path(source), value)


def _is(path: tuple[str, ...], value: object) -> Restriction:
    if isinstance(value, str):
        return Restriction(path, Comparator.EQUALS, Value((value,), quoted=True))
    return Restriction(path, Comparator.EQUALS, Value((json.dumps(value),), quoted=False))


def _path(source: Source) -> tuple[str, ...]:
    match source.kind:
        case SourceKind.PROPERTY:
            return ("properties", *source.path)
        case SourceKind.ENTITY | SourceKind.CONTEXT | SourceKind.ATTRIBUTION:
            return (str(source.kind), *source.path)
    return source.path


def _may_be_cut(value: object, characters: int) -> bool:
    if not isinstance(value, str) or not value.endswith(CUT_MARK):
        return False
    return value == CUT_MARK or len(value) == characters


def _condition(source: Source, value: Any, characters: int, prefix: str) -> Condition:
    field = field_of(_is(_path(source), None))
    parameters: dict[str, object] = {f"{prefix}limit": characters}
    if field.type is not FieldType.JSON:
        text, is_text = field.sql, "true"
    else:
        parameters[f"{prefix}path"] = list(field.path)
        found = f"({field.sql} #> CAST(:{prefix}path AS text[]))"
        if isinstance(value, list | dict):
            del parameters[f"{prefix}limit"]
            parameters[f"{prefix}value"] = json.dumps(value)
            return Condition(f"({found} = CAST(:{prefix}value AS jsonb))", parameters)
        if value == CUT_MARK:
            parameters[f"{prefix}value"] = value
            structured = f"jsonb_typeof({found}) IN ('array', 'object')"
            return Condition(
                f"({found} = to_jsonb(CAST(:{prefix}value AS text))"
                f" OR ({structured} AND {_JSON_LENGTH.format(found)} > :{prefix}limit))",
                parameters,
            )
        text, is_text = f"({found} #>> '{{}}')", f"jsonb_typeof({found}) = 'string'"
    parameters |= {f"{prefix}value": value, f"{prefix}begin": value[: characters - 1]}
    return Condition(
        f"({is_text} AND ({text} = :{prefix}value"
        f" OR (length({text}) > :{prefix}limit AND left({text}, :{prefix}limit - 1) = :{prefix}begin)))",
        parameters,
    )
