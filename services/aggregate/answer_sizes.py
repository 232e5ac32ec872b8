"""How much of cells goes into one answer or message; see `libs.rpc.answer_sizes`."""

from collections.abc import Mapping
from typing import Any

import orjson

from libs.catalog import CUT_MARK, cut_text

# The dimensions of one cell, as JSON. What counting makes today is shorter by far; what was stored before
# values had a limit may be megabytes, and is shown cut.
DIMENSIONS_BYTES = 64 * 1024
# All cells of one message to a watcher: each of them may have one on its way, several times as large while
# it is a message and not yet bytes.
WATCH_MESSAGE_BYTES = 64 * 1024
# The dimensions of the cells that are read at once for a watcher that begins.
WATCH_PAGE_BYTES = 128 * 1024


def bounded_dimensions(dimensions: Mapping[str, Any], characters: int) -> dict[str, Any]:
    """The dimensions with every value cut that has more characters, as JSON if it is no text."""
    return {name: _bounded(value, characters) for name, value in dimensions.items()}


def _bounded(value: Any, characters: int) -> Any:
    if isinstance(value, str):
        return cut_text(value, characters)
    return value if len(orjson.dumps(value)) <= characters else CUT_MARK
