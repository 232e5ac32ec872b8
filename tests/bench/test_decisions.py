"""What the decision records' comparisons store; nothing is timed."""

from tests.bench import decisions
from tests.support.enrich_batches import columns_of


def test_the_rows_of_the_sinks_are_those_of_the_events_table() -> None:
    rows = decisions._rows()
    assert len(rows) == decisions.CHUNK_ROWS
    stored = columns_of(rows[7])
    assert stored["retention_class"] == b"90d"
    assert stored["subject_id"] == b"7"
    assert stored["group_id"] == b"7"
    assert (stored["country"], stored["os"], stored["browser"]) == (b"PT", b"macOS", b"Firefox")
