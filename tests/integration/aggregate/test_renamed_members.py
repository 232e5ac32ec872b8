"""Members that an older release kept under people's own ids get pseudonyms, and counts follow."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import psycopg
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.catalog import Catalogs, load_catalog
from libs.stores.postgres import create_engine
from services.aggregate.renaming.postgres import MemberRenamer
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.pseudonyms import PSEUDONYMS

TIMEOUT = 30
ANN, BOB = (PSEUDONYMS.pseudonym(APP, name) for name in ("ann", "bob"))
VISITOR = "0123456789abcdef" * 2
HASH = "blake2b:" + "0" * 64


def _cell(
    connection: psycopg.Connection, number: int, rollup: str, metric: str, members: Sequence[str]
) -> None:
    cell_id = UUID(int=number)
    connection.execute(
        "INSERT INTO aggregate.cells VALUES (%s, %s, %s, %s, %s)",
        [cell_id, APP, rollup, f"2024-05-{number:02}T00:00:00Z", "{}"],
    )
    for member in members:
        connection.execute(
            "INSERT INTO aggregate.members VALUES (%s, %s, %s)", [cell_id, metric, member]
        )
    connection.execute(
        "INSERT INTO aggregate.measures (cell_id, metric, count, version) VALUES (%s, %s, %s, 7)",
        [cell_id, metric, len(members)],
    )


async def _rename(stores: Stores, catalogs: Catalogs, rows_at_a_time: int) -> dict[str, int]:
    url = stores.settings.database_url.get_secret_value()
    engine = create_engine(url, service="test")
    try:
        return dict(await MemberRenamer(engine, catalogs, PSEUDONYMS, rows_at_a_time).rename())
    finally:
        await engine.dispose()


async def test_each_person_is_one_after_it_and_cohorts_know_them_again(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    """Ann was counted under her id on three days, on the second also under her pseudonym; Bob first under his
    id and then, by this release, under his pseudonym."""
    with psycopg.connect(stores.database_url) as connection:
        for number, counted in (
            (1, ["ann", "bob", VISITOR, HASH]),
            (2, ["ann", ANN]),
            (3, ["ann", BOB]),
        ):
            _cell(connection, number, "activity", "active_users", counted)
        # No people, and of a rollup that no catalog has.
        _cell(connection, 4, "loot", "items", ["sword"])
        _cell(connection, 5, "gone", "active_users", ["ann"])
    catalogs = Catalogs.of(load_catalog(stores.settings.catalogs / f"{APP}.yaml"))
    for expected in ({"renamed": 4, "merged": 1}, {"renamed": 0, "merged": 0}):
        assert await _rename(stores, catalogs, rows_at_a_time=2) == expected
    members: dict[int, set[str]] = {}
    for cell_id, member in stores.sql("SELECT cell_id, member FROM aggregate.members"):
        members.setdefault(cell_id.int, set()).add(member)
    assert members == {
        1: {ANN, BOB, VISITOR, HASH},
        2: {ANN},
        3: {ANN, BOB},
        4: {"sword"},
        5: {"ann"},
    }
    measures = stores.sql("SELECT cell_id, count, version FROM aggregate.measures ORDER BY 1")
    assert [(cell_id.int, count, version) for cell_id, count, version in measures] == [
        *((1, 4, 7), (2, 1, 8), (3, 2, 7)),
        *((4, 1, 7), (5, 1, 7)),
    ]
    aggregate = await start()
    response = await aggregate.stub.QueryCohortRetention(
        pb.QueryCohortRetentionRequest(app_id=APP, period=pb.PERIOD_DAY), timeout=TIMEOUT
    )
    # All are first seen on the first day; Ann comes back on the next, Ann and Bob on the last.
    assert [(cohort.size, list(cohort.active)) for cohort in response.cohorts] == [(4, [4, 1, 2])]


async def test_two_looks_that_find_nothing_are_enough(stores: Stores) -> None:
    catalogs = Catalogs.of(load_catalog(stores.settings.catalogs / f"{APP}.yaml"))
    engine = create_engine(stores.settings.database_url.get_secret_value(), service="test")
    renamer = MemberRenamer(engine, catalogs, PSEUDONYMS)

    async def renamed_of(renamer: MemberRenamer, day: int) -> int:
        """How many it renames after an older release has counted Ann on that day."""
        with psycopg.connect(stores.database_url) as connection:
            _cell(connection, day, "activity", "active_users", ["ann"])
        return (await renamer.rename())["renamed"]

    try:
        # After one look that found nothing, processes of the older release may still be there.
        assert (await renamer.rename())["renamed"] == 0
        assert await renamed_of(renamer, 1) == 1
        for _ in range(2):
            assert (await renamer.rename())["renamed"] == 0
        assert await renamed_of(renamer, 2) == 0
        # Another process begins anew.
        assert await renamed_of(MemberRenamer(engine, catalogs, PSEUDONYMS), 3) == 2
    finally:
        await engine.dispose()
