"""The archive's process, as enrich's job starts it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.errors import Unavailable
from libs.common.expiry import midnight
from libs.common.subject_data import StoreCounts
from libs.jobs.job import JobError
from libs.stores.postgres import create_engine
from services.enrich.anonymization.due import Due
from services.enrich.anonymization.job import Named
from services.enrich.archive.expiry import ArchiveExpiry
from services.enrich.archive.job import Archiving
from services.enrich.archive.people import ArchivedPeople
from services.enrich.archive.postgres import PostgresArchive
from services.enrich.archive.process import MODULE, ArchiveProcess
from services.enrich.archive.request import ArchiveRequest, archive_request, command_of, to_line
from services.enrich.retention.limits import limits
from services.enrich.retention.removal import Holding, Overdue, Span
from services.enrich.settings import EnrichSettings
from tests.support.archive_erasures import store_person, who
from tests.support.archives import ARCHIVED, LAST_DAY, archive, in_database, in_files, store_full
from tests.support.clocks import FixedClock
from tests.support.expiring_events import ALL_COUNTED, NOW, catalogs
from tests.support.repository import REPOSITORY
from tests.support.waiting import PATIENCE_SECONDS, until

_LINE = to_line(
    "archive",
    ArchiveRequest(
        ["go"], list(limits(ARCHIVED.current.catalogs, NOW)), Span(midnight(NOW), ALL_COUNTED)
    ),
)


class Names:
    """Events that are to be anonymized first."""

    def __init__(self, *found: Named) -> None:
        self.found = found

    async def overdue(self) -> Sequence[Named]:
        return self.found


class Left:
    """Events that are past their limit and still stored."""

    def __init__(self, *found: Holding) -> None:
        self.found = found

    async def holdings(self) -> Sequence[Holding]:
        return self.found


def process(database_url: str, archive_url: str) -> ArchiveProcess:
    settings = EnrichSettings.model_validate(
        {"database_url": database_url, "archive_url": archive_url, "log_level": "ERROR"}
    )
    return ArchiveProcess(settings)


async def counted() -> object:
    return ALL_COUNTED


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/archive"


async def test_the_job_archives_in_another_process(
    database_url: str, role_url: Callable[[str], str], url: str, tmp_path: Path
) -> None:
    store_full(database_url, 3)
    before = in_database(database_url)
    ask = process(role_url("weir_enrich"), url).ask
    job = Archiving(ARCHIVED, Names(), counted, FixedClock(NOW), Left(), ask)  # type: ignore[arg-type]
    assert await job.archive() == {"files": 1, "events": 3, "changed": 0, "unready": 0}
    assert in_files(tmp_path / "archive" / "*" / "*" / "*.parquet") == before
    assert in_database(database_url) == []


async def test_people_are_taken_out_first(
    database_url: str, role_url: Callable[[str], str], url: str
) -> None:
    store_full(database_url, 1)
    known = catalogs("go", more="archive: true")
    none = frozenset[str]()
    due = Due("go", "game.ended", 90, NOW, "user", none, frozenset(), none, False)
    names = Names(Named(due, 1, LAST_DAY))
    ask = process(role_url("weir_enrich"), url).ask
    job = Archiving(known, names, counted, FixedClock(NOW), Left(), ask)  # type: ignore[arg-type]
    assert await job.archive() == {"files": 0, "events": 0, "changed": 0, "unready": 1}
    assert len(in_database(database_url)) == 1
    # What is due because it leaves holds its app up, however young it is.
    leaving = replace(due, classes=("7d",))
    names.found = (Named(leaving, 1, NOW - timedelta(days=8)),)
    assert (await job.archive())["unready"] == 1
    # What becomes due after the events that are archived today does not hold them up.
    names.found = (Named(due, 1, LAST_DAY + timedelta(days=1)),)
    assert (await job.archive())["events"] == 1


async def test_without_an_app_that_wants_it_nothing_is_started() -> None:
    async def ask(_: bytes) -> dict[str, int]:
        raise AssertionError

    job = Archiving(catalogs("chess"), Names(), counted, FixedClock(NOW), Left(), ask)  # type: ignore[arg-type]
    assert await job.archive() == {}


def test_a_request_is_read_as_it_was_written() -> None:
    found = [
        *limits(catalogs("go", raw="7d", more="archive: true").current.catalogs, NOW),
    ]
    assert any(limit.names for limit in found)
    request = ArchiveRequest(("go",), tuple(found), Span(midnight(NOW), None))
    assert command_of(to_line("archive", request))[0] == "archive"
    assert archive_request(command_of(to_line("archive", request))[1]) == request


async def test_what_goes_wrong_is_said_without_secrets(
    role_url: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    own = role_url("weir_enrich")
    for database, place, words in (
        (own, f"file://{tmp_path}/file", "WEIR_ENRICH_ARCHIVE_URL: cannot use"),
        (own, "", "WEIR_ENRICH_ARCHIVE_URL must be"),
        ("postgresql://u:secret@127.0.0.1:1/x", f"file://{tmp_path}/a", "Postgres does not answer"),
        (role_url("weir_read"), f"file://{tmp_path}/a", "InsufficientPrivilege in the archive's"),
    ):
        with pytest.raises(JobError, match=words) as failure:
            await process(database, place).ask(_LINE)
        assert "secret" not in str(failure.value)


def _archives(parent: int) -> list[psutil.Process]:
    children = psutil.Process(parent).children()
    return [child for child in children if MODULE in " ".join(child.cmdline())]


async def test_it_is_killed_when_the_job_is_cancelled(
    role_url: Callable[[str], str], url: str
) -> None:
    asked = asyncio.create_task(process(role_url("weir_enrich"), url).ask(_LINE))
    await until(lambda: _archives(os.getpid()))
    [child] = _archives(os.getpid())
    asked.cancel()
    await asyncio.wait([asked])
    assert asked.cancelled()
    assert not child.is_running()


async def test_it_ends_by_itself_with_nothing_to_say(
    role_url: Callable[[str], str], url: str
) -> None:
    """While its input is still open, as that of enrich is."""
    ended = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE),
        cwd=REPOSITORY,
        env={
            **os.environ,
            "WEIR_ENRICH_DATABASE_URL": role_url("weir_enrich"),
            "WEIR_ENRICH_ARCHIVE_URL": url,
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert ended.stdin is not None
    assert ended.stdout is not None
    assert ended.stderr is not None
    ended.stdin.write(_LINE)
    said, complained = await ended.stdout.read(), await ended.stderr.read()
    assert (await ended.wait(), complained) == (0, b"")
    assert json.loads(said) == {"files": 0, "events": 0, "changed": 0}


async def test_a_person_is_erased_in_another_process(
    engine: AsyncEngine, database_url: str, role_url: Callable[[str], str], url: str
) -> None:
    own = role_url("weir_enrich")
    enrich = create_engine(own, service="enrich")
    people = ArchivedPeople(ARCHIVED, PostgresArchive(enrich), process(own, url).ask)
    # Nothing is archived, and no process is asked.
    nowhere = ArchivedPeople(ARCHIVED, PostgresArchive(enrich), process(own, "").ask)
    assert await nowhere.erase(who().erasure) == (True, ())
    store_person(database_url)
    await archive(engine, url)
    with psycopg.connect(database_url) as connection:
        for schema in ("restored_go_20260820", "restored_go_2_20260820"):
            connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION weir_enrich".encode())
    done, counts = await people.erase(who(withheld={"game.begun": "the law"}).erasure)
    # Of three own events two are withheld or not; the mention is in an event of another person.
    assert done
    assert counts == [StoreCounts("enrich.archive", 2, 0, 1, "the law")]
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^restored'")
        assert found.fetchall() == [("restored_go_2_20260820",)]
    with pytest.raises(Unavailable, match="WEIR_ENRICH_ARCHIVE_URL"):
        await nowhere.erase(who().erasure)
    await enrich.dispose()


async def test_each_month_the_archive_is_read_and_nothing_was_left_behind(
    engine: AsyncEngine,
    database_url: str,
    role_url: Callable[[str], str],
    url: str,
    tmp_path: Path,
) -> None:
    ask = process(role_url("weir_enrich"), url).ask
    left = Left()
    job = Archiving(ARCHIVED, Names(), counted, FixedClock(NOW), left, ask)  # type: ignore[arg-type]
    store_person(database_url)
    await archive(engine, url)
    assert await job.check() == {"days": 3, "files": 3, "events": 12}
    [file, *_] = (tmp_path / "archive").glob("app=go/*/*.parquet")
    for path in file.parent.iterdir():
        path.unlink()
    with pytest.raises(JobError, match=f"{file.name}: no manifest has it"):
        await job.check()
    left.found = (Holding(Overdue("leaf", "90d", "go", 3, LAST_DAY, 0, 0), 90, ""),)
    with pytest.raises(JobError, match="3 events that are past their limit were not archived"):
        await job.check()


async def test_the_archive_itself_ends(
    engine: AsyncEngine,
    database_url: str,
    role_url: Callable[[str], str],
    url: str,
    tmp_path: Path,
) -> None:
    store_person(database_url)
    await archive(engine, url)
    with psycopg.connect(database_url) as connection:
        for day, at in (("20260820", "2026-11-14T14:00:00Z"), ("20260821", "2026-11-15T00:00:00Z")):
            connection.execute(
                f"CREATE SCHEMA restored_go_{day} AUTHORIZATION weir_enrich".encode()
            )
            comment = f"COMMENT ON SCHEMA restored_go_{day} IS 'restored from the archive at {at}'"
            connection.execute(comment.encode())
    own = role_url("weir_enrich")
    enrich = create_engine(own, service="enrich")
    # On 21 November, the 21st of August was 92 days ago.
    settings = EnrichSettings.model_validate({"archive_kept_days": 92})
    expiry = ArchiveExpiry(
        settings, PostgresArchive(enrich), FixedClock(NOW), process(own, url).ask
    )
    [overdue] = await expiry.list_overdue()
    assert (overdue.store, overdue.app_id, overdue.rows, overdue.days) == (
        "enrich.archive",
        "go",
        4,
        92,
    )
    assert overdue.oldest == LAST_DAY - timedelta(days=2)
    assert await expiry.expire() == {"files": 1, "events": 4, "changed": 0, "restored": 1}
    assert await expiry.list_overdue() == []
    assert await expiry.expire() == {"files": 0, "events": 0, "restored": 0}
    await enrich.dispose()
    files = [path for path in (tmp_path / "archive").rglob("*") if path.is_file()]
    assert sorted({path.parent.name for path in files}) == ["date=2026-08-21", "date=2026-08-22"]
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^restored'")
        assert found.fetchall() == [("restored_go_20260821",)]


_PARENT = """
import asyncio, sys
from services.enrich.archive import process

# Never gets its line, and waits for it.
asyncio.run(process.ArchiveProcess(process.EnrichSettings()).ask(b""))
"""


async def test_it_ends_with_an_enrich_that_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PARENT, cwd=REPOSITORY, stdout=asyncio.subprocess.DEVNULL
    )
    await until(lambda: _archives(parent.pid))
    [child] = _archives(parent.pid)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    await until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


async def test_work_on_the_archive_outlives_the_call_that_began_it(
    engine: AsyncEngine, database_url: str, role_url: Callable[[str], str], url: str
) -> None:
    """As if a file took longer than a caller waits, and the caller gave up."""
    own, started = role_url("weir_enrich"), 0

    async def ask(line: bytes) -> Mapping[str, int]:
        nonlocal started
        started += 1
        return await process(own, url).ask(line)

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
    people = ArchivedPeople(ARCHIVED, journal, process(own, url).ask)
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
