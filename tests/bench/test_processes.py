"""What the benchmark reports as memory: the most at any moment, not what is left at the end."""

import os

from tests.bench.processes import forget_high_water_mark, high_water_mark_mb


def test_memory_that_was_given_back_counts_until_it_is_forgotten() -> None:
    forget_high_water_mark(os.getpid())
    before = high_water_mark_mb(os.getpid())
    # Large enough for a mapping of its own, which goes back to the system at once.
    held = bytearray(200_000_000)
    del held
    assert 190 < high_water_mark_mb(os.getpid()) - before < 230
    forget_high_water_mark(os.getpid())
    assert high_water_mark_mb(os.getpid()) - before < 50
