"""A stored export in parts, from any place on. Pure."""

from collections.abc import Iterator

from libs.common.errors import InvalidArgument

CHUNK_BYTES = 256 * 1024


def ranges(size: int, offset: int, at_once: int = CHUNK_BYTES) -> Iterator[tuple[int, int]]:
    """(start, length) of each part of a file of `size` bytes, from `offset` on; none at its end. Raises
    InvalidArgument for an offset behind the end."""
    if not 0 <= offset <= size:
        raise InvalidArgument(f"must be from 0 to {size}, the size of the file", field="offset")
    return ((start, min(at_once, size - start)) for start in range(offset, size, at_once))
