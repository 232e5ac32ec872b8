"""What the decision records' comparisons store; nothing is timed."""

from services.enrich.storage.rows import COLUMNS
from tests.bench import decisions


def test_the_rows_of_the_sinks_are_those_of_the_events_table() -> None:
    rows = decisions._rows()
    assert len(rows) == decisions.CHUNK_ROWS
    stored = dict(zip((name for name, _ in COLUMNS), rows[7], strict=True))
    assert stored["retention_class"] == "90d"
    assert stored["subject_id"] == "7"
    assert stored["group_id"] == "7"
    assert (stored["country"], stored["os"], stored["browser"]) == ("PT", "macOS", "Firefox")
