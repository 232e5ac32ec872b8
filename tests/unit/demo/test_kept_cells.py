"""Which cells the demo of a day of long ago expects."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from demo.check import kept_cells
from tests.support.arena_catalog import compile_arena

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
# It counts by day.
DAILY = compile_arena().rollups["activity"]


def test_cells_of_days_that_ended_longer_ago_than_they_are_kept_are_not_expected() -> None:
    # The day of 23 August ended 90 days and nine hours ago, that of 24 August 89 days and nine hours.
    starts = [
        int((datetime(2026, 8, 22, tzinfo=UTC) + timedelta(days=n)).timestamp()) for n in range(4)
    ]
    cells = {(start, "{}"): {"active_users": 1.0} for start in starts}
    assert kept_cells(DAILY, cells, NOW) == cells
    kept = kept_cells(replace(DAILY, cell_retention_days=90), cells, NOW)
    assert [start for start, _ in kept] == starts[2:]
