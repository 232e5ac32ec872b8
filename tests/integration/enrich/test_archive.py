"""Events that are past their limit go into Parquet files, each exactly once, and none before it is due."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.objects import ObjectStore
from libs.objects.port import read_all
from services.enrich.archive.archiver import Archived
from services.enrich.archive.model import ArchiveError
from services.enrich.archive.postgres import PostgresArchive
from tests.support.archives import (
    LAST_DAY,
    TICK,
    archive,
    archiver,
    in_database,
    in_files,
    objects_of,
    store_full,
)
from tests.support.expiring_events import NOW, catalogs, store
from tests.support.repository import REPOSITORY
from tests.support.s3_server import BUCKET

DAY = timedelta(days=1)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/archive"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What readers of the folder ask for."""
    return tmp_path / "archive" / "app=*" / "date=*" / "*.parquet"


async def objects(store: ObjectStore) -> list[str]:
    return sorted([info.key async for info in store.list()])


async def test_every_column_of_every_event_is_in_the_files(
    engine: AsyncEngine, database_url: str, url: str, files: Path, tmp_path: Path
) -> None:
    store_full(database_url, 5)
    store_full(database_url, 3, at=LAST_DAY - DAY)
    store(database_url, {"z sparse": LAST_DAY + DAY - TICK}, app="go")
    before = in_database(database_url)
    assert await archive(engine, url) == Archived(files=2, events=9, changed=0)
    assert in_files(files) == before
    assert in_database(database_url) == []
    with duckdb.connect() as duck:
        found = duck.execute(
            "SELECT app, date::text, count(*) FROM read_parquet(?, hive_partitioning = true)"
            " GROUP BY ALL ORDER BY ALL",
            [str(files)],
        ).fetchall()
        assert found == [("go", "2026-08-21", 3), ("go", "2026-08-22", 6)]
        types = dict(
            duck.execute(
                f"SELECT name, type FROM (DESCRIBE FROM '{files}') AS d(name, type, a, b, c, e)"
            ).fetchall()
        )
        assert types["event_uuid"] == "UUID"
        assert types["occurred_at"] == "TIMESTAMP WITH TIME ZONE"
        assert types["properties"] == "JSON"
        [price] = duck.execute(
            f"SELECT DISTINCT (properties ->> '$.price')::double FROM '{files}' WHERE event_id LIKE 'event%'"
        ).fetchall()
        assert price == (1.5,)
        of_day = str(tmp_path / "archive/app=go/date=2026-08-22/*.parquet")
        order = duck.execute(
            "SELECT name, epoch_us(occurred_at) FROM read_parquet(?)", [of_day]
        ).fetchall()
        assert order == sorted(order)
        codecs = duck.execute("SELECT DISTINCT compression FROM parquet_metadata(?)", [of_day])
        assert codecs.fetchall() == [("ZSTD",)]


async def test_the_manifest_of_a_day(
    engine: AsyncEngine, database_url: str, url: str, tmp_path: Path
) -> None:
    store_full(database_url, 3)
    await archive(engine, url)
    folder = tmp_path / "archive/app=go/date=2026-08-22"
    [file] = folder.glob("*.parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["app_id"], manifest["date"], manifest["events"]) == ("go", "2026-08-22", 3)
    [described] = manifest["files"]
    assert described["name"] == file.name
    assert described["events"] == 3
    assert described["size_bytes"] == file.stat().st_size
    assert described["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert described["event_names"] == {"game.begun": 1, "game.ended": 2}
    assert described["first_occurred_at"] == "2026-08-22T00:00:00Z"
    assert described["last_occurred_at"] == "2026-08-22T00:00:02Z"


async def test_only_what_is_past_its_limit_of_apps_that_want_it(
    engine: AsyncEngine, database_url: str, url: str, files: Path
) -> None:
    store(database_url, {"due": LAST_DAY + DAY - TICK, "young": LAST_DAY + DAY}, app="go")
    store(database_url, {"late": LAST_DAY}, app="go", received=NOW)
    store(database_url, {"uncounted": LAST_DAY}, app="go", received=NOW - 2 * DAY)
    store(database_url, {"chess": LAST_DAY})
    both = type(catalogs()).of(
        *catalogs("chess").current.catalogs.values(),
        *catalogs("go", more="archive: true").current.catalogs.values(),
    )
    await archive(engine, url, counted=NOW - 2 * DAY, found=both)
    ids = "SELECT event_id FROM {}"
    with duckdb.connect() as duck:
        assert duck.execute(ids.format(f"'{files}'")).fetchall() == [("due",)]
    # What was late or not counted becomes another file of the same day.
    assert await archive(engine, url, now=NOW + DAY, found=both) == Archived(files=2, events=3)
    with duckdb.connect() as duck:
        found = {row[0] for row in duck.execute(ids.format(f"'{files}'")).fetchall()}
        assert found == {"due", "young", "late", "uncounted"}
    with psycopg.connect(database_url) as connection:
        assert connection.execute(ids.format("enrich.events").encode()).fetchall() == [("chess",)]


async def test_events_that_change_while_they_are_written_wait(
    engine: AsyncEngine, database_url: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure, an anonymization, or a late event between reading and deleting."""
    original = PostgresArchive.take
    changes = [
        "DELETE FROM enrich.events WHERE event_id = 'event go 22 0'",
        "UPDATE enrich.events SET subject_id = NULL WHERE event_id = 'event go 22 1'",
        "SELECT",
    ]

    async def disturbed(self: PostgresArchive, *arguments: Any) -> bool:
        with psycopg.connect(database_url) as connection:
            connection.execute(changes.pop(0).encode())
        return await original(self, *arguments)

    monkeypatch.setattr(PostgresArchive, "take", disturbed)
    store_full(database_url, 3)
    for left in (2, 2):
        assert await archive(engine, url) == Archived(changed=1)
        assert len(in_database(database_url)) == left
        assert await objects(objects_of(url)) == []
    assert await archive(engine, url) == Archived(files=1, events=2)


async def test_two_processes_take_turns(engine: AsyncEngine, url: str) -> None:
    async with PostgresArchive(engine).turn() as is_ours:
        assert is_ours
        with pytest.raises(ArchiveError, match="another process"):
            await archive(engine, url)
    assert await archive(engine, url) == Archived()


async def test_a_store_that_gives_back_something_else(
    engine: AsyncEngine, database_url: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_full(database_url, 2)
    before = in_database(database_url)
    found = archiver(engine, url)
    original = found.objects.put

    async def damaged(key: str, content: Any) -> None:
        await original(key, b"".join([piece async for piece in content])[:-1] + b"?")

    monkeypatch.setattr(found.objects, "put", damaged)
    monkeypatch.setattr("tests.support.archives.archiver", lambda *_: found)
    with pytest.raises(ArchiveError, match="other bytes"):
        await archive(engine, url)
    assert in_database(database_url) == before


STEPS = ("begin", "put", "contents", "take", "move", "manifest", "finished")


@pytest.mark.parametrize(
    ("kind", "step"), [*(("folder", step) for step in STEPS), ("s3", "put"), ("s3", "move")]
)
async def test_killed_after_any_step_each_event_is_there_once(
    request: pytest.FixtureRequest,
    engine: AsyncEngine,
    database_url: str,
    role_url: Callable[[str], str],
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
    step: str,
) -> None:
    if kind == "s3":
        variables: Mapping[str, str] = request.getfixturevalue("s3")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        url = f"s3://{BUCKET}/{tmp_path.name}"
    store_full(database_url, 4)
    store_full(database_url, 2, at=LAST_DAY - DAY)
    before = in_database(database_url)
    died = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.enrich.dying_archive",
        *(role_url("weir_enrich"), url, step),
        cwd=REPOSITORY,
    )
    assert await died.wait() == -9
    # The first day, of two events, is either there or in a file that the journal names.
    assert len(in_database(database_url)) == (6 if step in ("begin", "put", "contents") else 4)
    # Half of a file, as a kill within `put` leaves it.
    half = Path(urlsplit(url).path) / ".unfinished" / "half"
    if kind == "folder":
        half.write_bytes(b"half")
    await archive(engine, url)
    assert not half.exists()
    assert in_database(database_url) == []
    found = objects_of(url)
    keys = await objects(found)
    assert len(keys) == 4
    for key in keys:
        if key.endswith(".parquet"):
            (tmp_path / key.rpartition("/")[2]).write_bytes(await read_all(found, key))
    assert in_files(tmp_path / "*.parquet") == before
    manifests = [json.loads(await read_all(found, key)) for key in keys if "manifest" in key]
    assert [each["events"] for each in manifests] == [2, 4]
    for manifest in manifests:
        for described in manifest["files"]:
            content = (tmp_path / described["name"]).read_bytes()
            assert described["sha256"] == hashlib.sha256(content).hexdigest()
    # And once more there is nothing to do.
    assert await archive(engine, url) == Archived()
    assert await objects(found) == keys
