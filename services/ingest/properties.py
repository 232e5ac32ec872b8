"""An event's properties as a dict, whichever of the two ways they came."""

import re
from typing import Any

import orjson

from libs.common.structs import plain_struct

# Postgres cannot store U+0000 in jsonb; the look-behind passes over escaped backslashes.
_NULL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
MAX_DEPTH = 32


class PropertiesError(ValueError):
    """The properties are no JSON object that can be stored; the message says what is wrong."""


def parse_properties(event: Any) -> dict[str, Any]:
    """The properties of a `weir.common.v1.Event`, which afterwards holds them as JSON.

    Raises PropertiesError for what is not one JSON object (RFC 8259), for U+0000 in a text, and for
    objects nested more than MAX_DEPTH deep.
    """
    raw = event.properties_json
    if not raw:
        try:
            properties = plain_struct(event.properties) if event.HasField("properties") else {}
            event.properties_json = raw = orjson.dumps(properties)
        except (ValueError, TypeError) as error:
            raise PropertiesError(str(error)) from None
    else:
        try:
            properties = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise PropertiesError(f"is not valid JSON: {error.msg}") from None
        if type(properties) is not dict:
            raise PropertiesError("must be a JSON object")
    if b"\\u0000" in raw and _NULL_ESCAPE.search(raw):
        raise PropertiesError("must not contain U+0000")
    # Short texts cannot be deep; counting brackets is cheaper than walking.
    if (
        len(raw) > 2 * MAX_DEPTH
        and raw.count(b"{") + raw.count(b"[") > MAX_DEPTH
        and _depth(properties) > MAX_DEPTH
    ):
        raise PropertiesError(f"is nested more than {MAX_DEPTH} deep")
    return properties


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
