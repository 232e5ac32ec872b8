"""Retention cohorts as Unofficial Communities' weekly job stores them (section 7.1), with numbers by hand."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.stores.postgres import create_engine
from services.aggregate.plan import compile_plan
from services.aggregate.results.model import COHORTS, ResultCell, ResultPeriod, result_jobs
from services.aggregate.results.postgres import PostgresResults
from services.aggregate.results.shown.postgres import ShownResults
from tests.support.documents.shipped import catalogs
from tests.support.stored_cells import StoredCells

APP = "unofficial_communities"
# Mondays are 2026-10-05, 12, 19 and so on. Eve signed up in July for the first time, Ann once more in another
# community; Dan never did.
SIGNUPS = {
    ("2026-07-01", "c1"): "eve",
    ("2026-10-05", "c1"): "ann",
    ("2026-10-06", "c2"): "eve",
    ("2026-10-07", "c1"): "bob",
    ("2026-10-13", "c2"): "ann",
    ("2026-10-14", "c1"): "cat",
    ("2026-10-18", "c1"): "fay",
}
ACTIVE = {
    ("2026-10-05", "c1"): "ann",
    ("2026-10-06", "c1"): "ann dan eve",
    ("2026-10-06", "c2"): "ann",
    ("2026-10-07", "c1"): "bob",
    ("2026-10-12", "c2"): "ann",
    ("2026-10-14", "c1"): "cat",
    ("2026-10-15", "c1"): "cat",
    ("2026-10-16", "c1"): "bob",
    ("2026-10-18", "c1"): "fay",
    ("2026-11-04", "c1"): "ann dan",
}


Days = Mapping[tuple[str, str], str]


@pytest.fixture
async def engine(database_url: str, role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    _store(StoredCells(database_url, APP), SIGNUPS, ACTIVE)
    found = create_engine(role_url("weir_aggregate"), service="aggregate")
    yield found
    await found.dispose()


def _store(cells: StoredCells, signups: Days, active: Days) -> None:
    for rollup, metric, days in (
        ("signups", "new_users", signups),
        ("dau", "active_users", active),
    ):
        for (day, community), people in days.items():
            dimensions = {"community_id": community}
            cells.add(
                rollup, f"{day}T00:00Z", dimensions=dimensions, people={metric: people.split()}
            )


async def _stored(
    engine: AsyncEngine, database_url: str, monday: str
) -> dict[tuple[str, str], dict[str, float]]:
    [job] = [job for job in result_jobs(catalogs()[APP]) if job.name == "retention_cohorts"]
    start = datetime.fromisoformat(monday).replace(tzinfo=UTC)
    period = ResultPeriod(start, start + timedelta(weeks=1))
    await PostgresResults(engine).write(job, period, watermark=None, is_final=True)
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT dimensions, metrics FROM aggregate.result_cells WHERE period_start = %s",
            [period.start],
        ).fetchall()
    return {(keys["signup_week"], keys["cohort_week"]): metrics for keys, metrics in rows}


async def test_cohorts_of_signups_by_week(engine: AsyncEngine, database_url: str) -> None:
    first, second = "2026-10-05", "2026-10-12"
    # Ann was active a day and a week after her signup; Bob was on neither day. No 30th day is over, and
    # of Cat and Fay, who signed up on the Sunday, only Cat's next day is.
    of_first = {"people": 2, "active": 2, "retention": 1, "d1_retention": 0.5, "d7_retention": 0.5}
    assert await _stored(engine, database_url, "2026-10-12") == {
        (first, first): of_first,
        (first, second): of_first,
        (second, second): {"people": 2, "active": 2, "retention": 1, "d1_retention": 1},
    }
    later = await _stored(engine, database_url, "2026-11-16")
    # Seven weeks of the first, six of the second cohort.
    assert len(later) == 7 + 6
    whole = {"d1_retention": 0.5, "d7_retention": 0.5, "d30_retention": 0.5}
    assert later[first, "2026-11-02"] == {"people": 2, "active": 1, "retention": 0.5, **whole}
    assert later[first, "2026-11-16"] == {"people": 2, "active": 0, "retention": 0, **whole}
    # Twelve weeks: in the one that ends on December 28 the first cohort is there for the last time.
    assert (first, first) in await _stored(engine, database_url, "2026-12-21")
    assert {cohort for cohort, _ in await _stored(engine, database_url, "2026-12-28")} == {second}


async def test_a_share_of_a_few_people_is_not_shown(engine: AsyncEngine, database_url: str) -> None:
    """Ten sign up in a week, two of them on its Monday. When it ends, the next day is over for all but those
    of Sunday: that half came back is about two people, though it might be about ten."""
    later = {("2026-10-25", "c1"): "p3 p4 p5 p6 p7 p8 p9 p10", ("2026-10-19", "c1"): "p1 p2"}
    back = {
        ("2026-10-20", "c1"): "p1",
        ("2026-10-26", "c1"): "p3 p4 p5 p6",
    }
    _store(StoredCells(database_url, APP), later, back)
    week = "2026-10-19"
    assert (await _stored(engine, database_url, week))[week, week]["d1_retention"] == 0.5
    assert (await _shown(engine, database_url, week))[week, week] == {"people": 10}
    # A week later it is of all ten.
    following = await _shown(engine, database_url, "2026-10-26")
    assert following[week, week]["d1_retention"] == 0.5


async def _shown(
    engine: AsyncEngine, database_url: str, monday: str
) -> dict[tuple[str, str], Mapping[str, float]]:
    """What of it a caller sees who may see aggregates only."""
    stored = await _stored(engine, database_url, monday)
    catalog = catalogs()[APP]
    start = datetime.fromisoformat(monday).replace(tzinfo=UTC)
    cells = [
        ResultCell(
            COHORTS,
            datetime.fromisoformat(signup).replace(tzinfo=UTC),
            uuid4(),
            {"signup_week": signup, "cohort_week": week},
            metrics,
        )
        for (signup, week), metrics in stored.items()
    ]
    shown = await ShownResults(engine).of(
        (APP, "retention_cohorts"),
        catalog,
        compile_plan(catalog),
        ResultPeriod(start, start + timedelta(weeks=1)),
        cells,
        catalog.least_people,
    )
    return {
        (cell.dimensions["signup_week"], cell.dimensions["cohort_week"]): cell.metrics
        for cell in shown
    }
