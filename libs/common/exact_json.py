"""JSON that keeps integers as they are, however long; orjson does what it can, which is nearly everything."""

import json
from typing import Any

import orjson


def exact_loads(text: bytes) -> Any:
    """The value of a JSON text. Raises ValueError."""
    value = orjson.loads(text)
    # Where an integer has more than 64 bits, orjson makes a double of it.
    return value if orjson.dumps(value) == text else json.loads(text)


def exact_dumps(value: Any) -> bytes:
    """A JSON value as text, in UTF-8 and without blanks."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
