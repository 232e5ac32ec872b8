"""A person who is erased is in no file of the archive any more, and all others are as they were."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.enrich.archive.eraser import ArchiveErasure
from services.enrich.archive.inspection import archived_days, verify
from services.enrich.archive.parquet import ParquetFiles
from services.enrich.archive.postgres import PostgresArchive
from services.enrich.archive.request import command_of, erase_line, erased_of
from services.enrich.archive.restoring import restore
from tests.support.archive_erasures import CANARY, LONG_AGO, erase, store_person, who
from tests.support.archives import archive, in_database, in_files, objects_of
from tests.support.repository import REPOSITORY
from tests.support.waiting import until

DONE = ArchiveErasure(done=True, erased=3, anonymized=1, withheld=0)
OWN = {"event go 20 0", "event go 20 1", "event go 21 2"}
NAMING = "event go 21 3"
STEPS = ("begin", "put", "contents", "replace", "move", "manifest", "finished")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/archive"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "archive" / "app=go" / "*" / "*.parquet"


def raw_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def _archived(engine: AsyncEngine, database_url: str, url: str) -> list[tuple[object, ...]]:
    """The events that are to stay as they are, in the archive together with the person's."""
    store_person(database_url)
    before = in_database(database_url)
    assert (await archive(engine, url)).events == 12
    position = before[0].index("event go 20 0")
    return [row for row in before if row[position] not in {*OWN, NAMING}]


async def check_end(
    database_url: str, url: str, files: Path, kept: list[tuple[object, ...]]
) -> None:
    found = in_files(files)
    assert len(found) == 9
    assert [row for row in found if row in kept] == kept
    with duckdb.connect() as duck:
        [named] = duck.execute(
            f"SELECT properties::text, context::text FROM '{files}' WHERE event_id = '{NAMING}'"
        ).fetchall()
    properties, context = map(json.loads, named)
    assert "teacher_id" not in context
    assert context["extra"] == {"big": 1.5}
    assert "friend" not in properties
    assert properties["friends"] == ["x", {}]
    assert (properties["price"], properties["big"], properties["seen"]) == (1.5, 2**63, 1.5)
    objects = objects_of(url)
    verified = await verify(objects, ParquetFiles())
    assert (verified.wrong, verified.events, verified.files) == ([], 9, 3)
    # A changed row is as Postgres has it: what is restored has the digest of its manifest.
    for day in await archived_days(objects):
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            await restore(connection, objects, ParquetFiles(), day, ())


async def test_events_and_mentions_go_and_nothing_else(
    engine: AsyncEngine, database_url: str, url: str, files: Path, tmp_path: Path
) -> None:
    kept = await _archived(engine, database_url, url)
    assert await erase(engine, url) == DONE
    await check_end(database_url, url, files, kept)
    for content in [
        raw_bytes(tmp_path / "archive"),
        *map(_plain, files.parent.parent.glob("*/*.parquet")),
    ]:
        assert CANARY.encode() not in content
    # Again, it reads no file.
    assert await erase(engine, url) == DONE


def _plain(file: Path) -> bytes:
    """All values of a file; in its bytes they are compressed."""
    with duckdb.connect() as duck:
        return repr(duck.execute(f"SELECT columns(*)::text FROM '{file}'").fetchall()).encode()


async def test_what_is_withheld_newer_or_not_asked_for_stays(
    engine: AsyncEngine, database_url: str, url: str, files: Path
) -> None:
    await _archived(engine, database_url, url)
    before = in_files(files)
    assert await erase(engine, url, who(fenced_at=LONG_AGO)) == ArchiveErasure(True, 0, 0, 0)
    assert in_files(files) == before
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM enrich.archive_erasures")
    # Of the three, the second one is a `game.begun`.
    person = who(names=("game.ended", "game.begun"), withheld={"game.begun": "the law"})
    assert await erase(engine, url, person) == ArchiveErasure(True, 2, 0, 1)
    assert len(in_files(files)) == 10


async def test_a_call_that_runs_out_of_time_says_so(
    engine: AsyncEngine, database_url: str, url: str, files: Path
) -> None:
    kept = await _archived(engine, database_url, url)
    found = [await erase(engine, url, seconds=0.0) for _ in range(3)]
    assert [each.done for each in found] == [False, False, True]
    assert [each.erased for each in found] == [2, 3, 3]
    await check_end(database_url, url, files, kept)
    async with PostgresArchive(engine).turn():
        assert not (await erase(engine, url)).done


async def test_a_day_of_which_nothing_is_left_has_no_file(
    engine: AsyncEngine, database_url: str, url: str, tmp_path: Path
) -> None:
    store_person(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "DELETE FROM enrich.events WHERE event_id <> ALL(%s)", [["event go 20 0"]]
        )
    await archive(engine, url)
    assert (await erase(engine, url)).erased == 1
    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []
    with psycopg.connect(database_url) as connection:
        left = connection.execute("SELECT count(*) FROM enrich.archive_files").fetchall()
        assert left == [(0,)]


@pytest.mark.parametrize("step", STEPS)
async def test_killed_after_any_step_the_counts_are_those_of_the_files(
    engine: AsyncEngine,
    database_url: str,
    role_url: Callable[[str], str],
    url: str,
    files: Path,
    step: str,
) -> None:
    kept = await _archived(engine, database_url, url)
    died = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.enrich.dying_archive",
        *(role_url("weir_enrich"), url, step, "erase"),
        cwd=REPOSITORY,
    )
    assert await died.wait() == -9

    async def is_done() -> bool:
        return (await erase(engine, url)).done

    # Until Postgres notices the death, the archive is the dead process's.
    await until(is_done)
    assert await erase(engine, url) == DONE
    await check_end(database_url, url, files, kept)


def test_a_request_is_read_as_it_was_written() -> None:
    person = who(names=("a",), withheld={"b": "why"})
    command, arguments = command_of(erase_line(person, 2.5))
    assert (command, arguments["seconds"]) == ("erase", 2.5)
    assert erased_of(arguments["who"]) == person
