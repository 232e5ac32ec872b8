"""Reads an event's properties as JSON, strictly: what is stored has to be what all readers see. Pure."""

import json
import re
from typing import Any

import orjson

# Postgres cannot store U+0000 in jsonb; the look-behind passes over escaped backslashes.
_NULL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
MAX_DEPTH = 32
# What Postgres keeps of a numeric, which is what jsonb holds its numbers as; zeros count.
MAX_FRACTION_DIGITS = 16_383


class PropertiesError(ValueError):
    """The properties are no JSON object that can be stored; the message says what is wrong."""


def read_properties(raw: bytes) -> dict[str, Any]:
    """The properties that a JSON text says, integers as they are, however long.

    Raises PropertiesError for anything but one JSON object (RFC 8259), for a name that occurs twice in
    one object, for U+0000 in a text, for objects nested more than MAX_DEPTH deep, and for a number with
    more than MAX_FRACTION_DIGITS digits after or before the point.
    """
    try:
        properties = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise PropertiesError(f"is not valid JSON: {error.msg}") from None
    if type(properties) is not dict:
        raise PropertiesError("must be a JSON object")
    return check_properties(properties, raw)


def read_value(raw: bytes) -> Any:
    """The value of one property, which `raw` says as JSON. Raises PropertiesError as `read_properties`
    does."""
    properties = read_properties(b'{"value":' + raw + b"}")
    if properties.keys() != {"value"}:
        raise PropertiesError("is not one JSON value")
    return properties["value"]


def check_properties(properties: dict[str, Any], raw: bytes) -> dict[str, Any]:
    """The checks of `read_properties` behind the first, of what orjson reads in `raw`. Returns the properties
    as they are there: of an integer of more than 64 bits orjson makes a double."""
    # Few texts have a backslash, and one character is found faster than six.
    if b"\\" in raw and _NULL_ESCAPE.search(raw):
        raise PropertiesError("must not contain U+0000")
    # Short texts cannot be deep; counting brackets is cheaper than walking.
    if (
        len(raw) > 2 * MAX_DEPTH
        and raw.count(b"{") + raw.count(b"[") > MAX_DEPTH
        and _depth(properties) > MAX_DEPTH
    ):
        raise PropertiesError(f"is nested more than {MAX_DEPTH} deep")
    # Written compactly, an object that names nothing twice comes out as it went in, and so do numbers
    # that are no longer than a double needs.
    return properties if orjson.dumps(properties) == raw else _strict_parse(raw)


def _strict_parse(raw: bytes) -> dict[str, Any]:
    """The properties. Raises PropertiesError if an object has a name twice, because readers differ in which
    one they see, and for a number that is written longer than it can be stored."""
    properties: dict[str, Any] = json.loads(
        raw, object_pairs_hook=_without_duplicates, parse_float=_short_float
    )
    return properties


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    properties = dict(pairs)
    if len(properties) < len(pairs):
        raise PropertiesError("has a name twice in one object")
    return properties


def _short_float(literal: str) -> float:
    mantissa, _, exponent = literal.lower().partition("e")
    try:
        digits = len(mantissa.partition(".")[2]) - int(exponent or 0)
    except ValueError:  # an exponent of thousands of digits
        digits = MAX_FRACTION_DIGITS + 1
    # Only a zero can get here with many digits before the point, 0e99999: others are no doubles.
    if abs(digits) > MAX_FRACTION_DIGITS:
        raise PropertiesError(
            f"has a number with more than {MAX_FRACTION_DIGITS} digits after or before the point"
        )
    return float(literal)


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, dict | list)
        ]
    return deepest
