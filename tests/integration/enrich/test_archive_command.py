"""`weir archive`: what is there, whether it is whole, and a day of it in the database."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner, Result

from cli.main import app
from services.enrich.archive.people import ArchivedPeople
from services.enrich.archive.postgres import PostgresArchive
from tests.support.archive_erasures import PERSON, store_person, who
from tests.support.archives import ARCHIVED, LAST_DAY, archive, in_database, store_full
from tests.support.waiting import until

DAY = timedelta(days=1)
CATALOG = """\
app_id: go
title: Go
categories:
  play: {producers: [api], retention: {raw: 90d, aggregate: 5y}}
events:
  game.ended: {category: play}
  game.begun: {category: play}
"""

_WAITS = """
    SELECT FROM pg_locks WHERE relation = 'privacy.audit_entries'::regclass AND NOT granted
"""
_RESTORED = "SELECT FROM pg_namespace WHERE nspname = 'restored_go_20260820'"
# The columns of which Postgres keeps values for its planner.
WITH_STATISTICS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND coalesce(attstattarget, -1) <> 0 ORDER BY 1
"""


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WEIR_ENRICH_ARCHIVE_URL", f"file://{tmp_path}/archive")
    return f"file://{tmp_path}/archive"


def weir_archive(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["archive", *arguments])


async def in_thread(*arguments: str) -> Result:
    """Commands have event loops of their own."""
    return await asyncio.to_thread(weir_archive, *arguments)


async def test_lists_days(engine: AsyncEngine, database_url: str, url: str) -> None:
    assert (await in_thread("list")).output == "the archive is empty\n"
    store_full(database_url, 3)
    store_full(database_url, 1, at=LAST_DAY - DAY)
    await archive(engine, url)
    days = json.loads((await in_thread("list", "--json")).stdout)
    assert [(day["app_id"], day["date"], day["events"]) for day in days] == [
        ("go", "2026-08-21", 1),
        ("go", "2026-08-22", 3),
    ]
    csv = (await in_thread("list", "--csv", "--app", "go")).stdout.splitlines()
    assert csv[0] == "app_id,date,events,files,size_bytes"
    assert csv[1].startswith("go,2026-08-21,1,1,")
    elsewhere = await in_thread("list", "--app", "chess")
    assert elsewhere.output == "the archive has no day of chess\n"


async def test_verify_finds_what_is_changed_missing_or_too_much(
    engine: AsyncEngine, database_url: str, url: str, tmp_path: Path
) -> None:
    for days in range(3):
        store_full(database_url, 2, at=LAST_DAY - days * DAY)
    await archive(engine, url)
    found = await in_thread("verify")
    assert found.exit_code == 0, found.output
    assert found.output == "3 files of 3 days, 6 events all as they were written\n"
    first, second, third = sorted((tmp_path / "archive").glob("app=go/*/*.parquet"))
    first.unlink()
    content = bytearray(second.read_bytes())
    content[len(content) // 2] ^= 1
    second.write_bytes(content)
    (third.parent / "another.parquet").write_bytes(third.read_bytes())
    found = await in_thread("verify", "--json")
    assert found.exit_code == 1
    report = json.loads(found.stdout)
    assert (report["days"], report["files"], report["events"]) == (3, 3, 2)
    assert {line.partition(": ")[2] for line in report["wrong"]} == {
        "it is not there",
        "its bytes are not those of its SHA-256",
        "no manifest has it",
    }


async def test_verify_finds_a_file_that_was_replaced_together_with_its_sum(
    engine: AsyncEngine, database_url: str, url: str, tmp_path: Path
) -> None:
    store_full(database_url, 2)
    store_full(database_url, 2, at=LAST_DAY - DAY)
    await archive(engine, url)
    one, other = sorted((tmp_path / "archive").glob("app=go/*/manifest.json"))
    changed = json.loads(one.read_text())
    # A file of another day under this day's manifest, except for the digest of its rows.
    [taken] = json.loads(other.read_text())["files"]
    (one.parent / taken["name"]).write_bytes((other.parent / taken["name"]).read_bytes())
    changed["files"][0] |= {name: taken[name] for name in ("name", "sha256", "size_bytes")}
    one.write_text(json.dumps(changed))
    found = await in_thread("verify")
    assert found.exit_code == 1
    assert "its events are not those of its manifest" in found.output


async def test_restores_a_day_for_readers_alone(
    engine: AsyncEngine,
    database_url: str,
    role_url: Callable[[str], str],
    url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WEIR_DATABASE_URL", database_url)
    store_full(database_url, 4)
    before = in_database(database_url)
    store_full(database_url, 1, at=LAST_DAY - DAY)
    await archive(engine, url)
    assert in_database(database_url) == []
    for _ in range(2):
        # The second one takes the first one's place.
        found = await in_thread("restore", "--app", "go", "--date", "2026-08-22", "--json")
        assert found.exit_code == 0, found.output
        assert json.loads(found.stdout) == {
            "schema": "restored_go_20260822",
            "events": 4,
            "erased": 0,
        }
    read = role_url("weir_read")
    assert in_database(read, "restored_go_20260822.events") == before
    with psycopg.connect(database_url) as connection:
        of_restored, of_events = (
            connection.execute(WITH_STATISTICS, [table]).fetchall()
            for table in ("restored_go_20260822.events", "enrich.events")
        )
    assert of_restored == of_events
    # Nothing counts or lists them.
    assert in_database(database_url) == []
    with psycopg.connect(read) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DELETE FROM restored_go_20260822.events")
    with (
        psycopg.connect(role_url("weir_aggregate")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT FROM restored_go_20260822.events")
    with psycopg.connect(role_url("weir_enrich")) as connection:
        connection.execute("DROP SCHEMA restored_go_20260822 CASCADE")
    with psycopg.connect(database_url) as connection:
        entries = connection.execute(
            "SELECT app_id, action, outcome, actor, details FROM privacy.audit_entries"
        ).fetchall()
        [(owner,)] = connection.execute("SELECT current_user").fetchall()
    details = {"schema": "restored_go_20260822", "events": 4, "erased": 0}
    by = f"weir archive restore as {owner}"
    assert entries == [("go", "archive.restored", "done", by, details)] * 2


async def test_an_erased_person_does_not_come_back(
    engine: AsyncEngine,
    database_url: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """From a copy of the archive of before the erasure."""
    monkeypatch.setenv("WEIR_DATABASE_URL", database_url)
    store_person(database_url)
    await archive(engine, url)
    with psycopg.connect(database_url) as connection:
        # After the first of the two events of the 20th.
        fenced_at = LAST_DAY - 2 * DAY
        connection.execute("INSERT INTO enrich.fences VALUES ('go', %s, %s)", [PERSON, fenced_at])
    restored = ("restore", "--app", "go", "--date", "2026-08-20")
    found = await in_thread(*restored)
    assert (found.exit_code, "it is not known what a law keeps" in found.output) == (1, True)
    folder = tmp_path / "catalogs"
    folder.mkdir()
    (folder / "go.yaml").write_text(CATALOG)
    with_catalog = (*restored, "--catalogs", str(folder))
    found = await in_thread(*with_catalog)
    assert found.output == (
        "3 events in restored_go_20260820.events; 1 of erased people were left out\n"
    )
    with psycopg.connect(database_url) as connection:
        left = connection.execute(
            "SELECT event_id FROM restored_go_20260820.events WHERE person = %s", [PERSON]
        ).fetchall()
        assert left == [("event go 20 1",)]
    # What is left out occurred up to the fence, and no law keeps it.
    (folder / "go.yaml").write_text(CATALOG + "erasure: {keep: {play: {because: the law}}}\n")
    found = await in_thread(*with_catalog)
    assert found.output == "4 events in restored_go_20260820.events\n"


async def test_what_was_begun_before_an_erasure_is_waited_for(
    engine: AsyncEngine, database_url: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure of categories has no fence, and a mention by another person is behind none."""
    monkeypatch.setenv("WEIR_DATABASE_URL", database_url)
    store_person(database_url)
    await archive(engine, url)
    asked: list[bytes] = []

    async def ask(line: bytes) -> Mapping[str, int]:
        asked.append(line)
        return {"done": 1}

    people = ArchivedPeople(ARCHIVED, PostgresArchive(engine), ask)
    # The last thing that a restoration does has to wait: for a lock that no one but the test takes.
    with psycopg.connect(database_url) as held:
        held.execute("LOCK privacy.audit_entries IN ACCESS EXCLUSIVE MODE")
        restoring = asyncio.create_task(
            in_thread("restore", "--app", "go", "--date", "2026-08-20", "--json")
        )
        await until(lambda: _waits_for_a_lock(database_url))
        assert (await people.erase(who().erasure), asked) == ((False, ()), [])
    assert (await restoring).exit_code == 0
    assert _has_restored_days(database_url)
    assert await people.erase(who().erasure) == (True, ())
    assert len(asked) == 1
    assert not _has_restored_days(database_url)


async def test_a_restoration_gives_up_when_the_archive_is_changed_for_long(
    engine: AsyncEngine, database_url: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEIR_DATABASE_URL", database_url)
    monkeypatch.setattr(
        "services.enrich.archive.postgres._LONG_WAIT", "SET LOCAL lock_timeout = '10ms'"
    )
    async with PostgresArchive(engine).turn():
        found = await in_thread("restore", "--app", "go", "--date", "2026-08-20")
    assert (found.exit_code, found.output) == (1, "the archive is being changed\n")


def _waits_for_a_lock(database_url: str) -> bool:
    with psycopg.connect(database_url) as connection:
        return connection.execute(_WAITS).fetchone() is not None


def _has_restored_days(database_url: str) -> bool:
    with psycopg.connect(database_url) as connection:
        return connection.execute(_RESTORED).fetchone() is not None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--app", "go", "--date", "yesterday"), 2, "--date: must be a day"),
        (("--app", "go", "--date", "2026-01-01"), 1, "nothing of go on 2026-01-01"),
        (("--app", "a b", "--date", "2026-01-01"), 1, "key"),
    ],
)
async def test_what_cannot_be_restored(
    database_url: str,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.setenv("WEIR_DATABASE_URL", database_url)
    found = await in_thread("restore", *arguments)
    assert (found.exit_code, words in found.output) == (code, True), found.output
