"""The numbers about one person, of cells that were written by hand."""

from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.stores.postgres import create_engine
from services.aggregate.subject_rows.postgres import SubjectRows
from tests.support.stored_cells import StoredCells
from tests.support.subject_rows import EPOCHS, collected, export_of

ANN = "ann-of-arena-1"
NEW, OLD = EPOCHS.all_epochs("arena", ANN)
OTHER = EPOCHS.pseudonym("arena", "bob")
DAY = "2026-11-20 00:00+00"


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_aggregate"), service="aggregate")
    yield engine
    await engine.dispose()


async def test_numbers_of_the_person_and_counts_that_they_are_in(
    engine: AsyncEngine, database_url: str
) -> None:
    cells = StoredCells(database_url, "arena")
    cells.add("by_person", DAY, dimensions={"person": NEW}, numbers={"games": {"count": 3}})
    cells.add("retired", DAY, dimensions={"x": OLD}, numbers={"games": {"count": 2, "total": 7}})
    cells.add("by_person", DAY, dimensions={"person": OTHER}, numbers={"games": {"count": 9}})
    # Of a property: a long id is the person's, a short one may be anything.
    cells.add("by_host", DAY, dimensions={"host": ANN}, numbers={"games": {"count": 6}})
    cells.add("by_host", DAY, dimensions={"host": "ann"}, numbers={"games": {"count": 8}})
    cells.add(
        "by_level",
        DAY,
        dimensions={"level": 5},
        numbers={"games": {"count": 4}},
        people={"players": [NEW, OTHER]},
    )
    StoredCells(database_url, "chess").add(
        "by_person", DAY, dimensions={"person": NEW}, numbers={"games": {"count": 1}}
    )
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO aggregate.result_cells (app_id, job, period_start, rollup, bucket, cell_id,"
            " dimensions, metrics) SELECT 'arena', 'report', %s, 'by_person', %s, gen_random_uuid(),"
            " jsonb_build_object('person', who::text), '{\"games\": 3}'"
            " FROM unnest(%s::text[]) AS who",
            [DAY, DAY, [NEW, OTHER]],
        )
    found = await collected(SubjectRows(engine).read(export_of("arena", ANN)))
    shown = [
        (row["rollup"], row["dimensions"], row["count"], row["total"]) for row in found["numbers"]
    ]
    assert shown == [
        ("by_host", {"host": ANN}, 6, None),
        ("by_person", {"person": NEW}, 3, None),
        ("retired", {"x": OLD}, 2, 7),
    ]
    assert found["counted_in"] == [
        {
            "rollup": "by_level",
            "bucket": "2026-11-20T00:00:00+00:00",
            "dimensions": {"level": 5},
            "metric": "players",
            "counted_as": NEW,
        }
    ]
    [result] = found["results"]
    assert (result["job"], result["dimensions"], result["metrics"]) == (
        "report",
        {"person": NEW},
        {"games": 3},
    )
