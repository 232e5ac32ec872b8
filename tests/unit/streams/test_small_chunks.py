"""How far apart small chunks begin."""

import pytest

from libs.streams.small_chunks import pause_seconds


@pytest.mark.parametrize(
    ("entries", "pause"), [(1, 0.04), (3, 0.06), (7, 0.10), (13, 0.16), (14, 0.16), (1_000, 0.16)]
)
def test_the_more_entries_come_the_later_the_next_chunk_up_to_four_times_as_late(
    entries: int, pause: float
) -> None:
    assert pause_seconds(0.04, entries) == pytest.approx(pause)
