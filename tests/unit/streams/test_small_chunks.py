"""How far apart small chunks begin."""

import pytest

from libs.streams.small_chunks import pause_seconds


@pytest.mark.parametrize(
    ("entries", "pause"), [(1, 0.04), (3, 0.05), (5, 0.06), (9, 0.08), (10, 0.08), (1_000, 0.08)]
)
def test_the_more_entries_come_the_later_the_next_chunk_up_to_twice_the_time(
    entries: int, pause: float
) -> None:
    assert pause_seconds(0.04, entries) == pytest.approx(pause)
