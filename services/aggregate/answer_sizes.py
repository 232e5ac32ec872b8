"""How much goes into one answer, so that a client with gRPC's own limit of 4 MiB can read it."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import orjson

from libs.catalog import CUT_MARK, cut_text

# All cells of an answer together; the rest of an answer is a page token, of 200 KB at most.
MESSAGE_BYTES = 3 * 1024 * 1024
# The dimensions of one cell, as JSON. What counting makes today is shorter by far; what was stored before
# values had a limit may be megabytes, and is shown cut.
DIMENSIONS_BYTES = 64 * 1024
# All cells of one message to a watcher: each of them may have one on its way, several times as large while
# it is a message and not yet bytes.
WATCH_MESSAGE_BYTES = 64 * 1024
# The dimensions of the cells that are read at once for a watcher that begins.
WATCH_PAGE_BYTES = 128 * 1024

Message = TypeVar("Message", bound=Any)


def bounded_dimensions(dimensions: Mapping[str, Any], characters: int) -> dict[str, Any]:
    """The dimensions with every value cut that has more characters, as JSON if it is no text."""
    return {name: _bounded(value, characters) for name, value in dimensions.items()}


def fitting(messages: Iterable[Message], limit_bytes: int = MESSAGE_BYTES) -> list[Message]:
    """The first messages that are at most `limit_bytes` together, but at least one if there is one."""
    taken: list[Message] = []
    size = 0
    for message in messages:
        # A field number and a length stand before each.
        size += message.ByteSize() + 6
        if taken and size > limit_bytes:
            break
        taken.append(message)
    return taken


def _bounded(value: Any, characters: int) -> Any:
    if isinstance(value, str):
        return cut_text(value, characters)
    return value if len(orjson.dumps(value)) <= characters else CUT_MARK
