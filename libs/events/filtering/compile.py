"""A filter's tree as a condition in SQL. All that the caller wrote is in the parameters.

A condition is true or false, never unknown: a comparison with a value that the event does not have, or has
in another type, is false, and its negation true.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from libs.events.filtering.fields import Field, FieldType, field_of
from libs.events.filtering.syntax import (
    And,
    Comparator,
    FilterError,
    Node,
    Not,
    Or,
    Restriction,
    Value,
)

_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition with its parameters, as SQLAlchemy's `text` takes them: `:name`."""

    sql: str
    parameters: Mapping[str, object]


def compile_filter(node: Node | None, prefix: str = "f") -> Condition:
    """The condition of a filter; of None one that holds for all events. Its parameters' names begin with
    `prefix`. Raises FilterError."""
    if node is None:
        return Condition("true", {})
    compiler = _Compiler(prefix)
    return Condition(compiler.condition(node), compiler.parameters)


class _Compiler:
    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.parameters: dict[str, object] = {}

    def condition(self, node: Node) -> str:
        match node:
            case And(parts):
                return "(" + " AND ".join(map(self.condition, parts)) + ")"
            case Or(parts):
                return "(" + " OR ".join(map(self.condition, parts)) + ")"
            case Not(inner):
                return _opposite(self.condition(inner))
            case Restriction():
                return self._restriction(node)
            case _:
                assert_never(node)

    def _restriction(self, restriction: Restriction) -> str:
        field = field_of(restriction)
        value = restriction.value
        if any("\x00" in text for text in (*restriction.path, *value.pieces)):
            raise FilterError("must not contain U+0000", restriction.position)
        match restriction.comparator:
            case Comparator.EQUALS:
                return self._equals(field, value)
            case Comparator.DIFFERS:
                return _opposite(self._equals(field, value))
            case Comparator.HAS:
                return self._has(field, value)
            case _:
                return self._ordered(field, restriction.comparator, value)

    def _equals(self, field: Field, value: Value) -> str:
        if _is_null(value):
            return _opposite(self._exists(field))
        match field.type:
            case FieldType.TEXT:
                return self._text_equals(field.sql, value)
            case FieldType.TIME:
                return f"({field.sql} = {self._moment(value)})"
            case FieldType.UUID:
                return f"({field.sql} = {self._uuid(value)})"
            case FieldType.JSON:
                found = self._inside(field)
                if value.is_pattern:
                    is_text = f"jsonb_typeof({found}) = 'string'"
                    return f"({is_text} AND {self._text_equals(_text_of(found), value)})"
                return f"({found} = {self._json(value)})"
            case _:
                assert_never(field.type)

    def _has(self, field: Field, value: Value) -> str:
        if value.pieces == ("", ""):
            return self._exists(field)
        if field.type is not FieldType.JSON or _is_null(value) or value.is_pattern:
            return self._equals(field, value)
        # A list has its members, an object its keys; all else only itself.
        found = self._inside(field)
        member, key = self._json(value), self._add(value.text)
        return (
            f"CASE jsonb_typeof({found}) WHEN 'array' THEN {found} @> {member}"
            f" WHEN 'object' THEN jsonb_exists({found}, {key}) ELSE {found} = {member} END"
        )

    def _ordered(self, field: Field, comparator: Comparator, value: Value) -> str:
        if value.is_pattern:
            raise FilterError(f"`*` cannot be compared by {comparator}", value.position)
        if _is_null(value):
            raise FilterError(f"null cannot be compared by {comparator}", value.position)
        match field.type:
            case FieldType.TEXT:
                return f'({field.sql} COLLATE "C" {comparator} {self._add(value.text)})'
            case FieldType.TIME:
                return f"({field.sql} {comparator} {self._moment(value)})"
            case FieldType.UUID:
                raise FilterError(f"ids cannot be compared by {comparator}", value.position)
            case FieldType.JSON:
                found = self._inside(field)
                if value.quoted:
                    text = f'{_text_of(found)} COLLATE "C" {comparator} {self._add(value.text)}'
                    return f"(jsonb_typeof({found}) = 'string' AND {text})"
                # CASE, because AND would not keep Postgres from reading a text as a number.
                return (
                    f"CASE WHEN jsonb_typeof({found}) = 'number' THEN CAST({_text_of(found)} AS numeric)"
                    f" {comparator} {self._number(value, comparator)} ELSE false END"
                )
            case _:
                assert_never(field.type)

    def _exists(self, field: Field) -> str:
        if field.type is FieldType.JSON:
            # JSON's null is as good as nothing.
            return f"(coalesce({self._inside(field)}, 'null'::jsonb) <> 'null'::jsonb)"
        return f"({field.sql} IS NOT NULL)"

    def _text_equals(self, text: str, value: Value) -> str:
        if value.is_pattern:
            return f"({text} LIKE {self._add(like_pattern(value))})"
        return f"({text} = {self._add(value.text)})"

    def _inside(self, field: Field) -> str:
        return f"({field.sql} #> CAST({self._add(list(field.path))} AS text[]))"

    def _json(self, value: Value) -> str:
        if not value.quoted:
            if value.text in _WORDS:
                return f"to_jsonb(CAST({self._add(_WORDS[value.text])} AS boolean))"
            if _NUMBER.fullmatch(value.text):
                return f"to_jsonb(CAST({self._add(value.text)} AS numeric))"
        return f"to_jsonb(CAST({self._add(value.text)} AS text))"

    def _number(self, value: Value, comparator: Comparator) -> str:
        if not _NUMBER.fullmatch(value.text):
            raise FilterError(
                f"expected a number after {comparator}, or a text in quotes", value.position
            )
        return f"CAST({self._add(value.text)} AS numeric)"

    def _moment(self, value: Value) -> str:
        try:
            moment = datetime.fromisoformat(value.text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return self._add(moment.astimezone(UTC))
        except (ValueError, OverflowError):
            raise FilterError(
                "expected a time as in 2026-04-27T10:00:00Z, or a date", value.position
            ) from None

    def _uuid(self, value: Value) -> str:
        try:
            return self._add(uuid.UUID(value.text))
        except ValueError:
            raise FilterError("expected a UUID", value.position) from None

    def _add(self, value: object) -> str:
        name = f"{self._prefix}{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"


def like_pattern(value: Value) -> str:
    """A value with `*` as a pattern of SQL's LIKE."""
    return "%".join(re.sub(r"[\\%_]", r"\\\g<0>", piece) for piece in value.pieces)


def _opposite(condition: str) -> str:
    return f"({condition} IS NOT TRUE)"


def _text_of(value: str) -> str:
    return f"({value} #>> '{{}}')"


def _is_null(value: Value) -> bool:
    return value.text == "null" and not value.quoted
