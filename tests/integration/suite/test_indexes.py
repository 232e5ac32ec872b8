"""The queries that the documents name are served by indexes."""

import psycopg
import pytest

EVENTS = (
    "SELECT count(*) FROM enrich.events WHERE app_id = 'a' AND {} AND occurred_at >= '2026-01-01'"
)


@pytest.mark.parametrize(
    ("query", "index", "columns"),
    [
        (EVENTS.format("name = 'n'"), "name_occurred_at", ("name", "occurred_at")),
        (
            EVENTS.format("subject_id = 's'"),
            "subject_id_occurred_at",
            ("subject_id", "occurred_at"),
        ),
        (EVENTS.format("group_id = 'g'"), "group_id_occurred_at", ("group_id", "occurred_at")),
        (
            "SELECT count(*) FROM aggregate.cells"
            " WHERE app_id = 'a' AND rollup = 'r' AND bucket >= '2026-01-01'",
            "ix_cells_app_id_rollup_bucket",
            ("rollup", "bucket"),
        ),
    ],
)
def test_a_query_by_these_columns_reads_an_index(
    database_url: str, query: str, index: str, columns: tuple[str, str]
) -> None:
    with psycopg.connect(database_url) as connection:
        # An empty table is read whole otherwise, whatever its indexes are.
        connection.execute("SET LOCAL enable_seqscan = off")
        lines = [line for (line,) in connection.execute(f"EXPLAIN {query}".encode())]
    scans = [line for line in lines if " Scan " in line and "Bitmap Heap" not in line]
    assert scans
    assert all("Index" in line and index in line for line in scans), lines
    conditions = [line for line in lines if "Index Cond:" in line]
    assert len(conditions) == len(scans)
    assert all(column in line for line in conditions for column in columns), lines
