"""Lines as pieces of a bounded size, each with the place up to which the file is complete."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from libs.events.selection import ExportedLine, Place

CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a file. `place` is that of its last event; None if it ends within a line. `rows` are the
    lines that end in it."""

    data: bytes
    rows: int
    place: Place | None


def chunks_of(lines: Iterable[ExportedLine], limit: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """The lines in their order, in chunks of at most `limit` bytes; a longer line is several chunks."""
    together: list[ExportedLine] = []
    size = 0
    for line in lines:
        if together and size + len(line.data) > limit:
            yield _chunk(together)
            together, size = [], 0
        if len(line.data) > limit:
            whole = (len(line.data) - 1) // limit * limit
            for start in range(0, whole, limit):
                yield Chunk(line.data[start : start + limit], 0, None)
            yield Chunk(line.data[whole:], 1, line.place)
        else:
            together.append(line)
            size += len(line.data)
    if together:
        yield _chunk(together)


def _chunk(lines: list[ExportedLine]) -> Chunk:
    return Chunk(b"".join(line.data for line in lines), len(lines), lines[-1].place)
