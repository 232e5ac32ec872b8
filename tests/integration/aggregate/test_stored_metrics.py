"""Metrics that jobs of a catalog write down, with numbers worked out by hand."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.aggregate.v1 import job_service_pb2 as pb

from libs.audit import Details
from libs.catalog import Catalogs, compile_catalog
from libs.common.clock import SystemClock
from libs.common.errors import PermissionDenied
from libs.rpc.access import NO_TOKEN, READING
from libs.rpc.audited_reads import ReadNote
from libs.rpc.principal import CURRENT, Principal
from libs.stores.postgres import create_engine
from services.aggregate.results.model import ResultPeriod, result_jobs
from services.aggregate.results.postgres import PostgresResultReader, PostgresResults
from services.aggregate.results.service import ResultQueries
from services.aggregate.results.shown.postgres import ShownResults
from tests.support.arena_catalog import APP, CATALOG
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.stored_cells import StoredCells
from tests.support.stored_events import row, store

METRICS = """
metrics:
  dau: {value: activity.active_users}
  stickiness: {ratio: [activity.active_users, {of: activity.active_users, window: 2d}]}
  cheers: {value: watching.watched, by: [guild_id]}
  row: {streak: activity.active_users}
  zeal: {index: {components: {left: {weight: 1, count: [match.left], target: 4}}}}
least_people: 1
jobs:
  daily: {every: day, at: '01:00', store: [dau, stickiness, cheers]}
  people: {every: day, at: '01:00', store: [row, zeal], active_within: 2d}
"""
DAY = ResultPeriod(datetime(2026, 5, 2, tzinfo=UTC), datetime(2026, 5, 3, tzinfo=UTC))
ANN, BOB, CAT = (PSEUDONYMS.pseudonym(APP, name) for name in ("ann", "bob", "cat"))
CATALOGS = Catalogs.of(compile_catalog(CATALOG + METRICS, "arena.yaml"))


@pytest.fixture
async def engine(database_url: str, role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    cells = StoredCells(database_url, APP)
    for day, people in {
        "2026-04-30": [CAT],
        "2026-05-01": [ANN, BOB],
        "2026-05-02": [ANN],
    }.items():
        cells.add("activity", day, people={"active_users": people})
    for name, watched in (("red", 3), ("blue", 2)):
        cells.add(
            "watching",
            "2026-05-02",
            dimensions={"guild_id": name},
            numbers={"watched": {"count": watched}},
        )
    store(
        database_url,
        [row("match.left", f"2026-05-02T0{hour}:00:00", subject_id="ann") for hour in range(3)],
    )
    engine = create_engine(role_url("weir_aggregate"), service="aggregate")
    yield engine
    await engine.dispose()


async def written(engine: AsyncEngine, database_url: str, name: str) -> list[Any]:
    [job] = [job for job in result_jobs(CATALOGS.current.catalogs[APP]) if job.name == name]
    for _ in range(2):
        result = await PostgresResults(engine).write(job, DAY, watermark=None, is_final=False)
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT dimensions, metrics FROM aggregate.result_cells ORDER BY dimensions::text"
        ).fetchall()
    assert len(found) == result.cells
    return found


async def test_one_row_for_all_metrics_of_a_day(engine: AsyncEngine, database_url: str) -> None:
    """One of two people in two days; a run that is repeated writes the same rows."""
    blue, red, everyone = await written(engine, database_url, "daily")
    assert everyone == (
        {},
        {
            "dau": 1,
            "dau.data_points": 1,
            "dau.confidence": 1,
            "stickiness": 0.5,
            "stickiness.numerator": 1,
            "stickiness.denominator": 2,
            "stickiness.data_points": 3,
            "stickiness.confidence": 1,
        },
    )
    assert (blue[0], blue[1]["cheers"]) == ({"guild_id": "blue"}, 2)
    assert (red[0], red[1]["cheers"]) == ({"guild_id": "red"}, 3)


async def test_a_row_for_each_person(engine: AsyncEngine, database_url: str) -> None:
    """Ann left three times of four, and was active on two days in a row. Bob was active the day before; cat
    was not in two days."""
    found = {
        dimensions["person"]: metrics
        for dimensions, metrics in await written(engine, database_url, "people")
    }
    assert found == {
        ANN: {
            "row": 2,
            "row.data_points": 2,
            "row.confidence": 1,
            "zeal": 75,
            "zeal.left": 75,
            "zeal.data_points": 3,
            "zeal.confidence": 1,
        },
        BOB: {
            "row": 0,
            "row.data_points": 0,
            "row.confidence": 1,
            "zeal.data_points": 0,
            "zeal.confidence": 1,
        },
    }


async def test_who_may_read_rows_of_people(engine: AsyncEngine, database_url: str) -> None:
    await written(engine, database_url, "daily")
    [job] = [job for job in result_jobs(CATALOGS.current.catalogs[APP]) if job.name == "people"]
    await PostgresResults(engine).write(job, DAY, watermark=None, is_final=True)
    results = ResultQueries(
        CATALOGS, PostgresResultReader(engine), ShownResults(engine), SystemClock()
    )
    noted = []

    async def write(details: Details) -> None:
        noted.append(details)

    note = ReadNote(write)
    daily = pb.GetJobResultRequest(app_id=APP, job="daily")
    people = pb.GetJobResultRequest(app_id=APP, job="people")
    token = CURRENT.set(Principal("read token", READING))
    try:
        answer = await results.get(daily, note)
        assert [cell.rollup for cell in answer.cells] == ["", "", ""]
        with pytest.raises(PermissionDenied) as denied:
            await results.get(people, note)
        assert denied.value.metadata == {"permission": "numbers.person"}
        CURRENT.set(NO_TOKEN)
        found = await results.get(people, note)
        assert {cell.cell.dimensions["person"] for cell in found.cells} == {ANN, BOB}
        # For the audit trail: what was answered, and not what was denied.
        assert noted == [{"job": "people"}]
    finally:
        CURRENT.reset(token)
