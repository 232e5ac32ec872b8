"""A stored file in parts of a bounded size. Pure."""

from collections.abc import AsyncIterator

CHUNK_BYTES = 256 * 1024


async def pieces_of(content: AsyncIterator[bytes], at_most: int) -> AsyncIterator[bytes]:
    """The same bytes in pieces of at most so many; none is empty."""
    async for piece in content:
        for start in range(0, len(piece), at_most):
            yield piece[start : start + at_most]
