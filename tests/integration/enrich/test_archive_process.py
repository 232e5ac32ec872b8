"""The archive's process, as enrich's job starts it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
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
from services.enrich.archive.process import MODULE
from services.enrich.archive.request import ArchiveRequest, archive_request, command_of, to_line
from services.enrich.retention.limits import limits
from services.enrich.retention.removal import Holding, Overdue, Span
from services.enrich.settings import EnrichSettings
from tests.support.archive_erasures import store_person, who
from tests.support.archives import (
    ARCHIVED,
    LAST_DAY,
    archive,
    archive_process,
    in_database,
    in_files,
    store_full,
)
from tests.support.clocks import FixedClock
from tests.support.expiring_events import ALL_COUNTED, NOW, catalogs
from tests.support.repository import REPOSITORY
from tests.support.waiting import until

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
    ask = archive_process(role_url("weir_enrich"), url).ask
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
    ask = archive_process(role_url("weir_enrich"), url).ask
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
            await archive_process(database, place).ask(_LINE)
        assert "secret" not in str(failure.value)


def _archives(parent: int) -> list[psutil.Process]:
    children = psutil.Process(parent).children()
    return [child for child in children if MODULE in " ".join(child.cmdline())]


async def test_it_is_killed_when_the_job_is_cancelled(
    role_url: Callable[[str], str], url: str
) -> None:
    asked = asyncio.create_task(archive_process(role_url("weir_enrich"), url).ask(_LINE))
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
    people = ArchivedPeople(ARCHIVED, PostgresArchive(enrich), archive_process(own, url).ask)
    # Nothing is archived, and no process is asked.
    nowhere = ArchivedPeople(ARCHIVED, PostgresArchive(enrich), archive_process(own, "").ask)
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
    ask = archive_process(role_url("weir_enrich"), url).ask
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
        for day, at in (
            ("20260819", "2026-11-13T23:00:00Z"),
            ("20260820", "2026-11-14T14:00:00Z"),
            ("20260821", "2026-11-15T00:00:00Z"),
        ):
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
        settings, PostgresArchive(enrich), FixedClock(NOW), archive_process(own, url).ask
    )
    [overdue, restored] = await expiry.list_overdue()
    # The other one from before was a week old today.
    assert (restored.store, restored.app_id, restored.kind, restored.days, restored.rows) == (
        *("enrich.archive", "go", "restored days"),
        *(7, 1),
    )
    assert restored.oldest == datetime(2026, 11, 13, 23, tzinfo=UTC)
    assert (overdue.store, overdue.app_id, overdue.rows, overdue.days) == (
        "enrich.archive",
        "go",
        4,
        92,
    )
    assert overdue.oldest == LAST_DAY - timedelta(days=2)
    assert await expiry.expire() == {"files": 1, "events": 4, "changed": 0, "restored": 2}
    assert await expiry.list_overdue() == []
    assert await expiry.expire() == {"files": 0, "events": 0, "restored": 0}
    await enrich.dispose()
    files = [path for path in (tmp_path / "archive").rglob("*") if path.is_file()]
    assert sorted({path.parent.name for path in files}) == ["date=2026-08-21", "date=2026-08-22"]
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '^restored'")
        assert found.fetchall() == [("restored_go_20260821",)]


async def test_files_that_a_killed_run_took_out_of_the_archive_are_overdue_until_they_are_gone(
    engine: AsyncEngine,
    database_url: str,
    role_url: Callable[[str], str],
    url: str,
    tmp_path: Path,
) -> None:
    """The journal says that they leave, and the store has them."""
    store_person(database_url)
    await archive(engine, url)
    own = role_url("weir_enrich")
    enrich = create_engine(own, service="enrich")
    settings = EnrichSettings.model_validate({"archive_kept_days": 92})
    journal = PostgresArchive(enrich)
    expiry = ArchiveExpiry(settings, journal, FixedClock(NOW), archive_process(own, url).ask)
    # What a run does before it dies.
    [(app_id, day, files, events)] = await journal.leave((LAST_DAY - timedelta(days=1)).date())
    assert (app_id, day, files, events) == ("go", date(2026, 8, 20), 1, 4)
    [overdue] = await expiry.list_overdue()
    assert (overdue.app_id, overdue.rows) == ("go", 4)
    await expiry.expire()
    assert await expiry.list_overdue() == []
    await enrich.dispose()
    assert not list((tmp_path / "archive").glob("app=go/date=2026-08-20/*"))


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
