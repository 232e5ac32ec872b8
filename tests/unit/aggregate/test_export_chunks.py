"""Lines become chunks of a bounded size, and the file can be resumed at the end of a line."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.events.selection import ExportedLine, Place
from services.aggregate.exports.chunks import Chunk, chunks_of

START = datetime(2026, 4, 27, tzinfo=UTC)


def place(number: int) -> Place:
    return Place(START + timedelta(seconds=number), uuid.UUID(int=number), "90d")


def line(number: int, data: bytes) -> ExportedLine:
    return ExportedLine(data, place(number))


def test_lines_are_joined_up_to_the_limit_and_longer_ones_are_cut() -> None:
    lines = [
        line(n, data) for n, data in enumerate([b"abc\n", b"d\n", b"ef\n", b"0123456789\n", b"g\n"])
    ]
    assert list(chunks_of(lines, 6)) == [
        Chunk(b"abc\nd\n", 2, place(1)),
        Chunk(b"ef\n", 1, place(2)),
        Chunk(b"012345", 0, None),
        Chunk(b"6789\n", 1, place(3)),
        Chunk(b"g\n", 1, place(4)),
    ]
    assert list(chunks_of([line(0, b"012345")], 6)) == [Chunk(b"012345", 1, place(0))]
    assert list(chunks_of([line(0, b"012345678901")], 6))[-1] == Chunk(b"678901", 1, place(0))
    assert list(chunks_of([])) == []


@given(st.lists(st.binary(max_size=20).map(lambda data: data + b"\n")), st.integers(1, 12))
def test_nothing_is_lost_and_places_are_ends_of_lines(texts: list[bytes], limit: int) -> None:
    chunks = list(chunks_of([line(n, text) for n, text in enumerate(texts)], limit))
    assert b"".join(chunk.data for chunk in chunks) == b"".join(texts)
    assert sum(chunk.rows for chunk in chunks) == len(texts)
    written, rows = b"", 0
    for chunk in chunks:
        assert 0 < len(chunk.data) <= limit
        written += chunk.data
        rows += chunk.rows
        if chunk.place is not None:
            assert chunk.place == place(rows - 1)
            assert written == b"".join(texts[:rows])
