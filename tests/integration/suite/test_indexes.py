"""The queries that the documents name are served by indexes."""

import psycopg
import pytest

from libs.events.access import of_subject
from libs.events.selection_postgres import driver_text
from tests.support.pseudonyms import PSEUDONYMS

EVENTS = (
    "SELECT count(*) FROM enrich.events WHERE app_id = 'a' AND {} AND occurred_at >= '2026-01-01'"
)
OF_SUBJECT = of_subject(PSEUDONYMS, "a", "s")
PERSON, WITHOUT_PERSON = (driver_text(EVENTS.format(branch)) for branch in OF_SUBJECT.branches)


@pytest.mark.parametrize(
    ("query", "index", "columns"),
    [
        (EVENTS.format("name = 'n'"), "name_occurred_at", ("name", "occurred_at")),
        # By identity: through the person, and rows that are still to get theirs.
        (PERSON, "person_occurred_at", ("person", "occurred_at")),
        (WITHOUT_PERSON, "subject_id_occurred_at", ("subject_id", "occurred_at")),
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
        lines = [
            line
            for (line,) in connection.execute(f"EXPLAIN {query}".encode(), OF_SUBJECT.parameters)
        ]
    scans = [line for line in lines if " Scan " in line and "Bitmap Heap" not in line]
    assert scans
    assert all("Index" in line and index in line for line in scans), lines
    conditions = [line for line in lines if "Index Cond:" in line]
    assert len(conditions) == len(scans)
    assert all(column in line for line in conditions for column in columns), lines
