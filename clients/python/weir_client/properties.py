"""Properties of an event as JSON."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID


def _text(value: object) -> str:
    """What JSON has no form for, as the text that everyone expects for it."""
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"properties cannot hold a {type(value).__name__}")


# Made once: json.dumps makes a new one for each call with other than the default settings.
_encoder = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_text
)


def properties_json(properties: Mapping[str, Any]) -> bytes:
    """The properties as compact UTF-8 JSON; dates, times and UUIDs become texts.

    Raises ValueError for NaN, an infinity and text that is no Unicode, TypeError for other values that
    JSON cannot express.
    """
    try:
        return _encoder.encode(properties).encode()
    except ValueError as error:
        raise ValueError(f"properties: {error}") from None
