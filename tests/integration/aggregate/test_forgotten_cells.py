"""Which cells of sealed buckets an erasure takes: those about the person, and none with the same number."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.subject_data import SubjectRef
from libs.stores.postgres import create_engine
from services.aggregate.erasure.postgres import forget_in_cells, next_cells
from tests.support.stored_cells import StoredCells
from tests.support.subject_rows import EPOCHS

DAY = "2026-11-20 00:00+00"


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_aggregate"), service="aggregate")
    yield engine
    await engine.dispose()


@pytest.mark.parametrize(
    ("subject_id", "left"),
    [
        # Community 7 is not person 7.
        ("7", ["7", "another", "person-of-length"]),
        ("person-of-length", ["7", "another"]),
    ],
)
async def test_a_short_id_is_not_looked_for_in_dimensions(
    engine: AsyncEngine, database_url: str, subject_id: str, left: list[str]
) -> None:
    persons = tuple(EPOCHS.all_epochs("arena", subject_id))
    cells = StoredCells(database_url, "arena")
    for value in ("7", "another", "person-of-length", *persons):
        people = {"players": [*persons, "7", EPOCHS.pseudonym("arena", "bob")]}
        cells.add("sealed", DAY, dimensions={"community": value}, people=people)
    async with engine.begin() as connection:
        found = await next_cells(connection, "arena", UUID(int=0))
        members, hidden = await forget_in_cells(
            connection, SubjectRef("arena", subject_id, persons), found, {}
        )
    # Two pseudonyms in each of five cells.
    assert (members, hidden) == (10, 5 - len(left))
    with psycopg.connect(database_url) as database:
        rows = database.execute(
            "SELECT dimensions ->> 'community' FROM aggregate.cells ORDER BY 1"
        ).fetchall()
    assert [value for (value,) in rows] == left
