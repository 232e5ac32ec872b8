"""A year of believable time through the real services: on every day nothing is older than its limit, and
every rollup equals a recount."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.catalog import load_catalogs
from libs.jobs.job import Job
from libs.stores.redis_client import RedisClient
from tests.integration.year.catalog import APP, CATALOG
from tests.integration.year.checks import QUARANTINES, Checks, in_milliseconds
from tests.integration.year.rules import DAY, AppRules
from tests.integration.year.services import Services, running
from tests.integration.year.traffic import Traffic
from tests.support.clocks import FixedClock
from tests.support.repository import REPOSITORY

# In the past whenever the test runs, as Redis's own clock says of what is counted.
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
PRODUCTS = ("social_live", "unofficial_communities", "mlc_lms")
# They go by the clocks of Postgres and Redis, or look for what older releases left.
NOT_BY_THE_CLOCK = {
    "enrich.prune_batches",
    "aggregate.prune_batches",
    "aggregate.prune_job_runs",
    "enrich.fill_person",
    "aggregate.rename_members",
}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(FIRST)


@pytest.fixture
def catalogs(tmp_path: Path) -> Path:
    for product in PRODUCTS:
        file = f"{product}.yaml"
        (tmp_path / file).write_bytes((REPOSITORY / "catalogs" / file).read_bytes())
    (tmp_path / f"{APP}.yaml").write_text(CATALOG)
    return tmp_path


@pytest.fixture
async def services(
    client: RedisClient,
    redis_url: str,
    role_url: Callable[[str], str],
    catalogs: Path,
    clock: FixedClock,
) -> AsyncIterator[Services]:
    async with running(client, redis_url, role_url, catalogs, clock) as found:
        yield found


async def play(
    services: Services, catalogs: Path, database_url: str, redis_url: str, days: Sequence[int]
) -> None:
    """Plays these days of the year; on those in between nothing runs, and jobs make up for the newest due
    time."""
    found = load_catalogs(catalogs)
    traffic = Traffic(services, [found[product] for product in PRODUCTS])
    rules = {app: AppRules.read(catalogs / f"{app}.yaml") for app in (*PRODUCTS, APP)}
    checks = Checks(database_url, redis_url, rules, traffic.ledger)
    try:
        for played, number in enumerate(days):
            today = FIRST + number * DAY
            is_thorough = played % 30 == 29 or number == days[-1]
            await night(services, today)
            checks.nothing_is_older_than_its_limit(services.clock.now, thorough=is_thorough)
            if played % 5 == 0:
                for stream in QUARANTINES:
                    await services.redis.xadd(stream, {"batch": b""}, f"{in_milliseconds(today)}-0")
            await traffic.play(today)
            await services.until_counted()
            checks.numbers_are_a_recount(services.clock.now, thorough=is_thorough)
    finally:
        checks.close()


async def night(services: Services, today: datetime) -> None:
    """The jobs of the day, each once, in the order of their schedules; each one that fails ends the test."""
    due: list[tuple[datetime, Job]] = []
    for job in services.jobs():
        at = job.schedule.next_after(today - DAY / 86_400_000)
        if at < today + DAY and job.name not in NOT_BY_THE_CLOCK:
            due.append((at, job))
    for at, job in sorted(due, key=lambda each: (each[0], each[1].name)):
        await services.run(job, at)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_some_days_of_a_year(
    services: Services, catalogs: Path, database_url: str, redis_url: str
) -> None:
    """With the day of each limit, and the one behind it."""
    days = (0, 1, 3, 8, 31, 32, 61, 91, 92, 121, 201, 366)
    await play(services, catalogs, database_url, redis_url, days)


@pytest.mark.year
@pytest.mark.slow
@pytest.mark.timeout(3_600)
async def test_a_year(
    services: Services, catalogs: Path, database_url: str, redis_url: str
) -> None:
    await play(services, catalogs, database_url, redis_url, range(366))
