"""Which cells and results of sealed buckets an erasure takes: those that name the person, and no others."""

import base64
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.subject_data import SubjectRef
from libs.stores.postgres import create_engine
from services.aggregate.erasure.postgres import forget_in_cells, forget_in_results, next_cells
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


async def test_a_long_id_inside_a_value_is_found_in_every_form(
    engine: AsyncEngine, database_url: str
) -> None:
    """Of cells, members and results; a short id inside a value stands there by chance."""
    ann, bob = "auth0|anna-of-1", "person-2"
    subject = SubjectRef("arena", ann, tuple(EPOCHS.all_epochs("arena", ann)))
    naming = [
        f"https://arena.example/{ann}/games",
        "https://arena.example/?player=auth0%7Canna-of-1&page=2",
        base64.urlsafe_b64encode(f"v1:{ann}:x".encode()).decode(),
        f"v1-{ann.encode().hex()}",
        f"guild-of-{subject.persons[1]}",
    ]
    others = ["https://arena.example/auth0|anna-of-", f"guild-of-{EPOCHS.pseudonym('arena', bob)}"]
    cells = StoredCells(database_url, "arena")
    for value in (*naming, *others):
        cells.add("sealed", DAY, dimensions={"mode": "duel", "page": value})
    cells.add("sealed", DAY, people={"pages": [*naming, *others]})
    # The same in another app.
    StoredCells(database_url, "chess").add("sealed", DAY, dimensions={"page": naming[0]})
    with psycopg.connect(database_url) as database:
        database.execute(
            "INSERT INTO aggregate.results (app_id, job, period_start, period_end, is_final, cells,"
            " revision, calculated_at) VALUES ('arena', 'report', %s, %s, true, 8, 1, now())",
            [DAY, DAY],
        )
        database.execute(
            "INSERT INTO aggregate.result_cells (app_id, job, period_start, rollup, bucket, cell_id,"
            " dimensions, metrics) SELECT app_id, 'report', bucket, rollup, bucket, cell_id, dimensions,"
            " '{}' FROM aggregate.cells WHERE app_id = 'arena'"
        )
    short = SubjectRef("arena", bob, tuple(EPOCHS.all_epochs("arena", "nobody")))
    async with engine.begin() as connection:
        found = await next_cells(connection, "arena", UUID(int=0))
        for person, gone in ((short, 0), (subject, len(naming))):
            assert await forget_in_cells(connection, person, found, {}) == (gone, gone)
            assert await forget_in_results(connection, person) == gone
    with psycopg.connect(database_url) as database:
        for of_app, pages in (
            ("aggregate.cells WHERE app_id = 'arena'", [*sorted(others), None]),
            ("aggregate.cells WHERE app_id = 'chess'", naming[:1]),
            ("aggregate.result_cells", [*sorted(others), None]),
        ):
            rows = database.execute(
                f"SELECT dimensions ->> 'page' FROM {of_app} ORDER BY 1".encode()
            )
            assert sorted((page for (page,) in rows), key=lambda page: page or "z") == pages
        rows = database.execute("SELECT member FROM aggregate.members ORDER BY 1")
        assert sorted(member for (member,) in rows) == sorted(others)
        assert database.execute("SELECT cells FROM aggregate.results").fetchall() == [(3,)]
