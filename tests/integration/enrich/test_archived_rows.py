"""A person's events in the archive, for an export: read by another process, they are what Postgres had."""

import asyncio
import os
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import SystemClock
from libs.common.errors import Unavailable
from libs.common.subject_data import Erasure, Export, SubjectRef
from libs.stores.redis_client import RedisClient
from services.enrich.archive.erasing import Erased
from services.enrich.archive.process import MODULE, ArchiveProcess
from services.enrich.archive.rows import ArchivedRows, Stream
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.settings import EnrichSettings
from services.enrich.subject_rows.postgres import SubjectRows
from tests.support.archive_erasures import erase
from tests.support.archives import LAST_DAY, archive, archiver, store_full
from tests.support.expiring_events import NOW

PERSON, EARLIER = "a" * 32, "b" * 32
EXPORT = Export(SubjectRef("go", "ann", (PERSON, EARLIER)), NOW)
Read = Callable[[Stream], SubjectRows]
_CHANGES = (
    # Of five a day, by place: named; named in the last epoch; anonymized; of older releases; another's.
    f"person = '{PERSON}', event_id = NULL WHERE event_id ~ ' 0$'",
    f"person = '{EARLIER}', occurred_at = occurred_at + interval '1.05 s' WHERE event_id ~ ' 1$'",
    f"person = '{PERSON}', subject_id = NULL, session_id = NULL, context = NULL,"
    " received_at = received_at + interval '1 day', consent_given = NULL WHERE event_id ~ ' 2$'",
    "person = NULL, session_started_at = NULL, session_id = 's 2', group_id = NULL"
    " WHERE event_id ~ ' 3$'",
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/archive"


@pytest.fixture
def process(role_url: Callable[[str], str], url: str) -> ArchiveProcess:
    settings = {"database_url": role_url("weir_enrich"), "archive_url": url, "log_level": "ERROR"}
    return ArchiveProcess(EnrichSettings.model_validate(settings))


@pytest.fixture
def reading(engine: AsyncEngine, client: RedisClient) -> Read:
    sessions = RedisSessionStore(client.commands, SystemClock(), 3_600)
    return lambda stream: SubjectRows(engine, sessions, EnrichSettings(), ArchivedRows(stream))


def store_days(database_url: str, days: int) -> None:
    """Days of five events each, the last of them the last that is past its limit; four are the person's."""
    for ago in range(days):
        store_full(database_url, 5, at=LAST_DAY - timedelta(days=ago))
    with psycopg.connect(database_url) as connection:
        for change in _CHANGES:
            connection.execute(f"UPDATE enrich.events SET {change}".encode())


async def lines(rows: SubjectRows, export: Export = EXPORT) -> dict[str, list[bytes]]:
    """All lines by kind, in order."""
    found: dict[str, list[bytes]] = {"events": [], "sessions": []}
    async for held in rows.read(export):
        found[held.kind] += held.lines
    return {kind: sorted(each) for kind, each in found.items()}


def children() -> list[psutil.Process]:
    """Processes of the archive that this one has started."""
    found = psutil.Process(os.getpid()).children()
    return [each for each in found if MODULE in " ".join(each.cmdline())]


def unnamed_files(child: psutil.Process) -> list[str]:
    """The temporary files that a process has open; none if it has ended."""
    found = []
    # It may close one meanwhile.
    with suppress(FileNotFoundError):
        for link in Path(f"/proc/{child.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.append((link.name, os.readlink(link)))
    # Its standard error is one of pytest's.
    return [name for fd, name in found if name.endswith(" (deleted)") and fd not in "012"]


async def test_the_archive_gives_what_the_database_gave(
    engine: AsyncEngine, database_url: str, url: str, process: ArchiveProcess, reading: Read
) -> None:
    store_days(database_url, 3)
    # The next day stays in the database, and has the same sessions.
    store_full(database_url, 5, at=LAST_DAY + timedelta(days=1))
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE enrich.events SET person = %s WHERE event_id ~ ' 23 [01]$'", [PERSON]
        )
    asked = [
        EXPORT,
        replace(EXPORT, names=("game.begun", "game.moved")),
        # Anonymized events of the last day were received a day later.
        replace(EXPORT, received_before=LAST_DAY + timedelta(days=1)),
        replace(EXPORT, subject=SubjectRef("go", "nobody", ("c" * 32,))),
    ]
    rows = reading(process.stream)
    before = [await lines(rows, export) for export in asked]
    assert [len(each["events"]) for each in before] == [14, 7, 11, 0]
    assert (await archive(engine, url)).events == 15
    assert [await lines(rows, export) for export in asked] == before
    # s 1 goes on in the database: two named events of three days, and the two of the fourth.
    [first, second] = before[0]["sessions"]
    assert first.startswith(b'{"session_id":"s 1","started_at":"2026-08-20T00:00:00+00:00"')
    assert first.endswith(b'"last_event_at":"2026-08-23T00:00:01+00:00","events":8}')
    assert second.endswith(b'"events":3}')


async def test_many_files_are_read_by_one_process_one_file_at_a_time(
    engine: AsyncEngine, database_url: str, url: str, process: ArchiveProcess, reading: Read
) -> None:
    """A person with a great archive costs no more room, frames no larger and no more processes."""
    days, of_a_day = 24, 40
    for ago in range(days):
        store_full(database_url, of_a_day, at=LAST_DAY - timedelta(days=ago))
    with psycopg.connect(database_url) as connection:
        # Some kilobytes each, so that pipes and buffers hold a small part of them.
        connection.execute(
            "UPDATE enrich.events SET person = %s, session_id = 's ' || occurred_at::date,"
            " properties = jsonb_build_object('text', repeat('x', 4000))",
            [PERSON],
        )
    expected = await lines(reading(process.stream))
    assert (await archive(engine, url)).files == days
    started: list[int] = []
    files: list[int] = []
    sizes: list[int] = []

    async def stream(line: bytes) -> AsyncGenerator[tuple[bytes, bytes]]:
        async for kind, content in process.stream(line):
            for child in children():
                started.append(child.pid)
                files.append(len(unnamed_files(child)))
            sizes.append(len(content))
            yield kind, content

    found = await lines(reading(stream))
    assert (len(found["events"]), len(found["sessions"])) == (days * of_a_day, days)
    assert found == expected
    assert (len(set(started)), max(files)) == (1, 1)
    # A frame for each file, and one with the sessions; it has a quarter of a megabyte at most.
    assert len(sizes) == days + 1
    assert max(sizes) <= 256 * 1024


async def test_a_day_that_is_archived_meanwhile_is_in_it_once(
    engine: AsyncEngine, database_url: str, url: str, process: ArchiveProcess, reading: Read
) -> None:
    store_days(database_url, 2)
    expected = await lines(reading(process.stream))
    # Until then, only the first day is past its limit.
    await archive(engine, url, now=NOW - timedelta(days=1))
    asked: list[bytes] = []

    async def stream(line: bytes) -> AsyncGenerator[tuple[bytes, bytes]]:
        asked.append(line)
        async for frame in process.stream(line):
            yield frame
        if len(asked) == 1:
            assert (await archive(engine, url)).files == 1

    assert await lines(reading(stream)) == expected
    assert len(asked) == 2


async def test_what_a_dead_archiver_left_is_read_and_what_is_replaced_is_not(
    engine: AsyncEngine,
    database_url: str,
    url: str,
    process: ArchiveProcess,
    reading: Read,
    tmp_path: Path,
) -> None:
    store_days(database_url, 2)
    rows = reading(process.stream)
    expected = await lines(rows)
    await archive(engine, url)
    # As if it had died when the events of both days had become the archive's.
    files = sorted((tmp_path / "archive").glob("app=go/*/*.parquet"))
    for file in files:
        file.rename(tmp_path / "archive" / "_unfinished" / file.name)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE enrich.archive_files SET state = 'taken'")
    assert await lines(rows) == expected
    await archiver(engine, url).recover()
    assert all(file.exists() for file in files)
    files[0].write_bytes(files[1].read_bytes())
    with pytest.raises(Unavailable, match="other bytes than it was given"):
        await lines(rows)
    files[0].unlink()
    with pytest.raises(Unavailable, match="a file was replaced"):
        await lines(rows)

    async def replaced(line: bytes) -> AsyncIterator[tuple[bytes, bytes]]:
        with psycopg.connect(database_url) as connection:
            connection.execute("DELETE FROM enrich.archive_files")
        return
        yield b"", b""

    with pytest.raises(Unavailable, match="a file of the archive was replaced"):
        await lines(reading(replaced))  # type: ignore[arg-type]


async def test_a_reading_that_was_disturbed_is_not_disturbed_again(
    engine: AsyncEngine, database_url: str, url: str, process: ArchiveProcess, reading: Read
) -> None:
    """Whenever the archive was read, another person is erased from it."""
    store_days(database_url, 2)
    others = {f"event go {LAST_DAY:%d} 4": "c" * 32, f"event go {LAST_DAY:%d} 3": "d" * 32}
    with psycopg.connect(database_url) as connection:
        for event_id, person in others.items():
            connection.execute(
                "UPDATE enrich.events SET subject_id = 'x', person = %s WHERE event_id = %s",
                [person, event_id],
            )
    expected = await lines(reading(process.stream))
    await archive(engine, url)
    erasures = [
        Erased(Erasure(SubjectRef("go", "x", (person,)), uuid.uuid4(), NOW), may_hold_others=False)
        for person in others.values()
    ]
    done: list[bool] = []

    async def stream(line: bytes) -> AsyncGenerator[tuple[bytes, bytes]]:
        async for frame in process.stream(line):
            yield frame
        done.append((await erase(engine, url, erasures[len(done)])).done)

    rows = reading(stream)
    with pytest.raises(Unavailable, match="was replaced"):
        await lines(rows)
    assert await lines(rows) == expected
    assert done == [True, False]
    # Nor is anything kept from the archive afterwards.
    found = await erase(engine, url, erasures[1])
    assert (found.done, found.erased) == (True, 1)


async def test_a_process_that_is_killed_is_missed_and_a_reader_that_stops_ends_it(
    engine: AsyncEngine, database_url: str, url: str, process: ArchiveProcess, reading: Read
) -> None:
    # Some megabytes, more than pipes and buffers hold.
    store_full(database_url, 4_000)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE enrich.events SET person = %s", [PERSON])
    await archive(engine, url)

    async def killed(line: bytes) -> AsyncGenerator[tuple[bytes, bytes]]:
        async with aclosing(process.stream(line)) as frames:
            yield await anext(frames)
            [child] = children()
            child.kill()
            async for frame in frames:
                yield frame

    with pytest.raises(Unavailable, match="the archive's process ended with status -9"):
        await lines(reading(killed))
    opened = reading(process.stream).read(EXPORT)
    first = await anext(opened)
    assert (first.store, first.kind) == ("enrich.archive", "events")
    assert 100 < len(first.lines) < 2_000
    [child] = children()
    # It waits for its reader.
    await asyncio.sleep(0.5)
    assert child.is_running()
    await opened.aclose()  # type: ignore[attr-defined]
    assert not child.is_running()
