"""A year of believable time through the real services: on every day nothing is older than its limit, and
every rollup equals a recount."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import pytest

from libs.catalog import load_catalogs
from libs.jobs.job import Job
from libs.stores.redis_client import RedisClient
from tests.integration.year.archive import Archive
from tests.integration.year.catalog import ARCHIVED, CATALOGS
from tests.integration.year.checks import QUARANTINES, Checks, in_milliseconds
from tests.integration.year.erasures import Erasures
from tests.integration.year.rules import DAY, AppRules
from tests.integration.year.services import Services, running
from tests.integration.year.traffic import Traffic
from tests.support.clocks import FixedClock
from tests.support.repository import REPOSITORY

# In the past whenever the test runs, as Redis's own clock says of what is counted.
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
PRODUCTS = ("social_live", "unofficial_communities")
# They go by the clocks of Postgres and Redis, or look for what older releases left.
NOT_BY_THE_CLOCK = {
    "enrich.prune_batches",
    "aggregate.prune_batches",
    "aggregate.prune_job_runs",
    "enrich.fill_person",
    "aggregate.rename_members",
}
# What takes long and removes nothing is not done on each of many nights: partitions are made a week ahead,
# and what the check looks for the test looks for itself.
SELDOM = {"enrich.make_partitions", "enrich.check_retention"}
NIGHTS = 5
# Days as numbers, and the places of those on which people are erased.
Play = Callable[[Sequence[int], Collection[int]], Awaitable[None]]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(FIRST)


@pytest.fixture
def catalogs(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogs"
    folder.mkdir()
    for product in PRODUCTS:
        file = f"{product}.yaml"
        (folder / file).write_bytes((REPOSITORY / "catalogs" / file).read_bytes())
    for app_id, text in CATALOGS.items():
        (folder / f"{app_id}.yaml").write_text(text)
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
async def services(
    client: RedisClient,
    redis_url: str,
    role_url: Callable[[str], str],
    catalogs: Path,
    archive: Path,
    clock: FixedClock,
) -> AsyncIterator[Services]:
    async with running(client, redis_url, role_url, catalogs, archive, clock) as found:
        yield found


@pytest.fixture
def play(
    services: Services, catalogs: Path, archive: Path, database_url: str, redis_url: str
) -> Play:
    """Plays days of the year; on those in between nothing runs, and jobs make up for the newest due time. On
    some of them, by their place, people are erased."""

    async def played(days: Sequence[int], with_erasures: Collection[int]) -> None:
        began = monotonic()
        found = load_catalogs(catalogs)
        traffic = Traffic(services, [found[product] for product in PRODUCTS])
        rules = {app: AppRules.read(catalogs / f"{app}.yaml") for app in (*PRODUCTS, *CATALOGS)}
        archived = Archive(archive, rules[ARCHIVED], traffic.ledger)
        checks = Checks(database_url, redis_url, rules, traffic.ledger)
        erasures = Erasures(services, traffic, rules, archived, database_url, redis_url)
        with closing(checks), closing(erasures):
            for place, number in enumerate(days):
                today = FIRST + number * DAY
                is_thorough = place % 30 == 29 or number == days[-1]
                follows = place % NIGHTS and number - days[place - 1] == 1
                await night(services, today, SELDOM if follows else ())
                checks.nothing_is_older_than_its_limit(services.clock.now, thorough=is_thorough)
                archived.has_what_left(today)
                if place % 5 == 0:
                    for stream in QUARANTINES:
                        entry_id = f"{in_milliseconds(today)}-0"
                        await services.redis.xadd(stream, {"batch": b""}, entry_id)
                await traffic.play(today)
                await services.until_counted()
                if place in with_erasures:
                    await erasures.erase_some()
                    is_thorough = True
                checks.numbers_are_a_recount(services.clock.now, thorough=is_thorough)
                if is_thorough:
                    await archived.is_whole()
                    erasures.none_is_found()
                    print(f"day {number} holds, after {monotonic() - began:.0f} s", flush=True)
        assert len(erasures.erased) == 4 * len(with_erasures)

    return played


async def night(services: Services, today: datetime, without: Collection[str]) -> None:
    """The jobs of the day but for some, each once, in the order of their schedules; each one that fails ends
    the test."""
    due: list[tuple[datetime, Job]] = []
    for job in services.jobs():
        at = job.schedule.next_after(today - DAY / 86_400_000)
        if at < today + DAY and job.name not in {*NOT_BY_THE_CLOCK, *without}:
            due.append((at, job))
    for at, job in sorted(due, key=lambda each: (each[0], each[1].name)):
        await services.run(job, at)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_some_days_of_a_year(play: Play) -> None:
    """With the day of each limit, and the one behind it."""
    days = (0, 1, 3, 8, 31, 32, 61, 91, 92, 121, 201, 366)
    await play(days, (2, 5, 10))


@pytest.mark.year
@pytest.mark.slow
@pytest.mark.timeout(7_200)
async def test_a_year(play: Play) -> None:
    await play(range(366), range(12, 366, 30))
