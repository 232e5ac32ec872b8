"""How much goes into one answer, so that a client with gRPC's own limit of 4 MiB can read it."""

from collections.abc import Iterable
from typing import Any, TypeVar

# All items of an answer together; the rest of an answer is a page token, of 200 KB at most.
MESSAGE_BYTES = 3 * 1024 * 1024

Message = TypeVar("Message", bound=Any)


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
