"""How the archive's process hands out rows: frames of a kind, a length and that many bytes. The last one has
the answer in JSON."""

import struct
from asyncio import StreamReader
from collections.abc import Iterator, Sequence
from typing import IO

# Rows of events, as lines of JSON; sessions, as lines of JSON; the answer, which is the last frame.
EVENTS, SESSIONS, ANSWER = b"e", b"s", b"a"
_HEAD = struct.Struct(">cI")
_FRAME_BYTES = 256 * 1024


def write_lines(output: IO[bytes], kind: bytes, lines: Sequence[bytes]) -> None:
    """Writes lines in frames of some hundred kilobytes; blocks while they are not read."""
    for some in _parts(lines):
        write_frame(output, kind, b"\n".join(some))


def write_frame(output: IO[bytes], kind: bytes, content: bytes) -> None:
    """Writes one frame."""
    output.write(_HEAD.pack(kind, len(content)) + content)


async def read_frame(stream: StreamReader) -> tuple[bytes, bytes]:
    """The kind and the content of the next frame. Raises asyncio.IncompleteReadError if the writer died."""
    kind, size = _HEAD.unpack(await stream.readexactly(_HEAD.size))
    return kind, await stream.readexactly(size)


def _parts(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    together: list[bytes] = []
    size = 0
    for line in lines:
        if together and size + len(line) > _FRAME_BYTES:
            yield together
            together, size = [], 0
        together.append(line)
        size += len(line)
    if together:
        yield together
