"""The erasure of a person in the archive, by a process that works on when the call has ended."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.subject_data import StoreCounts
from services.enrich.archive.people import ArchivedPeople
from services.enrich.archive.postgres import PostgresArchive
from tests.support.archive_erasures import store_person, who
from tests.support.archives import ARCHIVED, archive, archive_process
from tests.support.repository import REPOSITORY
from tests.support.waiting import PATIENCE_SECONDS, until


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/archive"


async def test_work_on_the_archive_outlives_the_call_that_began_it(
    engine: AsyncEngine, database_url: str, role_url: Callable[[str], str], url: str
) -> None:
    """As if a file took longer than a caller waits, and the caller gave up."""
    own, started = role_url("weir_enrich"), 0

    async def ask(line: bytes) -> Mapping[str, int]:
        nonlocal started
        started += 1
        return await archive_process(own, url).ask(line)

    journal = PostgresArchive(engine)
    people = ArchivedPeople(ARCHIVED, journal, ask, wait_seconds=0.01)
    store_person(database_url)
    await archive(engine, url)
    erasure = who().erasure
    assert await people.erase(erasure) == (False, ())
    call = asyncio.create_task(people.erase(erasure))
    await asyncio.sleep(0)
    call.cancel()
    # Another replica lets the process work, and starts none.
    other = ArchivedPeople(ARCHIVED, journal, _not_asked)
    async with PostgresArchive(engine).turn():
        assert not (await other.erase(erasure))[0]
    found: tuple[bool, Sequence[StoreCounts]] = (False, ())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not found[0]:
            found = await people.erase(erasure)
    assert (found, started) == ((True, [StoreCounts("enrich.archive", 3)]), 1)
    # The answer was lost, and what was archived expires: the counts are those of the journal.
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM enrich.archive_files")
    assert await other.erase(erasure) == found


async def test_what_a_killed_first_run_left_goes_with_the_erasure(
    engine: AsyncEngine, database_url: str, role_url: Callable[[str], str], url: str, tmp_path: Path
) -> None:
    """A file that is complete but not yet taken: the journal has no other one of the app."""
    store_person(database_url)
    own, journal = role_url("weir_enrich"), PostgresArchive(engine)
    people = ArchivedPeople(ARCHIVED, journal, archive_process(own, url).ask)
    died = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.integration.enrich.dying_archive", own, url, "contents"),
        cwd=REPOSITORY,
    )
    assert await died.wait() == -signal.SIGKILL
    [left] = (tmp_path / "archive" / "_unfinished").iterdir()

    async def is_done() -> bool:
        return (await people.erase(who().erasure))[0]

    # Until Postgres notices the death, the archive is the dead process's.
    await until(is_done)
    assert not left.exists()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT FROM enrich.archive_files").fetchall() == []


async def test_two_calls_that_wait_get_the_answer_and_one_that_nobody_fetches_is_forgotten(
    engine: AsyncEngine, database_url: str, url: str
) -> None:
    goes_on, started = asyncio.Event(), 0

    async def ask(_: bytes) -> Mapping[str, int]:
        nonlocal started
        started += 1
        await goes_on.wait()
        return {"done": 1}

    store_person(database_url)
    await archive(engine, url)
    erasure = who().erasure
    journal = PostgresArchive(engine)
    people = ArchivedPeople(ARCHIVED, journal, ask)
    calls = [asyncio.create_task(people.erase(erasure)) for _ in range(2)]
    await until(lambda: started)
    await asyncio.sleep(0.1)
    goes_on.set()
    assert [await call for call in calls] == [(True, ())] * 2
    assert started == 1

    # The caller is gone when the work ends. Later the request may be made again.
    goes_on.clear()
    hasty = ArchivedPeople(ARCHIVED, journal, ask, wait_seconds=0, remembered_seconds=0.01)
    assert await hasty.erase(erasure) == (False, ())
    goes_on.set()
    await asyncio.sleep(0.1)
    goes_on.clear()
    assert await hasty.erase(erasure) == (False, ())
    assert started == 3
    await hasty.close()


async def _not_asked(_: bytes) -> Mapping[str, int]:
    raise AssertionError("a process works on the archive already, or has nothing to do")
