"""`--where dimension=value`: which value a text stands for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.exits import fail

# Up to here a Struct's double has every integer.
_LARGEST_EXACT = 2**53


def dimensions_of(conditions: Sequence[str]) -> dict[str, Any]:
    """The value of each dimension. Ends the command for a condition that is no `dimension=value`."""
    dimensions = {}
    for condition, name, text in _split(conditions):
        if text is None:
            fail(f"--where {condition}: must be dimension=value", 2)
        dimensions[name] = value_of(text)
    return dimensions


def text_advice(conditions: Sequence[str]) -> str:
    """How to ask for a text that looks like something else, if a condition has one; else empty."""
    for _, name, text in _split(conditions):
        if text and not isinstance(value_of(text), str | None):
            return f"; to find {name} sent as a text: --where '{name}={json.dumps(text)}'"
    return ""


def value_of(text: str) -> Any:
    """JSON if it is JSON, else the text as it is; None for nothing.

    A number that would be written otherwise, such as 1.0 or an id of 19 digits, is a text as well: versions
    and ids are meant by it, and a double would lose their digits.
    """
    try:
        value = json.loads(text, parse_constant=_no_number) if text else None
    except ValueError:
        return text
    return value if _keeps_digits(value, text) else text


def _keeps_digits(value: Any, text: str) -> bool:
    match value:
        case bool():
            return True
        case int():
            return str(value) == text and abs(value) < _LARGEST_EXACT
        case float():
            return json.dumps(value) == text and not value.is_integer()
    return True


def _no_number(text: str) -> None:
    # NaN and Infinity are Python's, and not JSON.
    raise ValueError(text)


def _split(conditions: Sequence[str]) -> Iterator[tuple[str, str, str | None]]:
    for condition in conditions:
        name, equals, text = condition.partition("=")
        yield condition, name, text if equals else None


def labelled(cell: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
    """A cell with names in place of those values of its dimensions that have one; `labels` as in a
    QueryRollupResponse."""
    dimensions = {
        name: labels.get(name, {}).get("values", {}).get(value, {}).get("name", value)
        if isinstance(value, str)
        else value
        for name, value in cell["dimensions"].items()
    }
    return {**cell, "dimensions": dimensions}
