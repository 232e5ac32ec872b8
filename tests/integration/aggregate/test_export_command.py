"""`weir export` against a running service."""

import asyncio
import json
import os
import sys
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_export_events import CSV, MANY, exported
from tests.support.arena_catalog import APP
from tests.support.environment import without_settings
from tests.support.waiting import until
from tests.support.weir_command import started


async def export(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    words = ["export", "--app", APP, *arguments]
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, words))


def many(stores: Stores, count: int, repeat: int) -> None:
    with psycopg.connect(stores.database_url) as connection:
        connection.execute(MANY.format(count=count, repeat=repeat).encode())


async def test_a_file_has_what_the_service_sends(
    stores: Stores, aggregate: Aggregate, home: Path, tmp_path: Path
) -> None:
    many(stores, 3_000, 5)
    file = tmp_path / "events.csv"
    done = await export("--format", "csv", "--output", str(file))
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"3,000 events in {file}\n"
    assert file.read_bytes() == await exported(aggregate, format=CSV)
    assert not file.with_name("events.csv.resume").exists()

    lines = await export(
        "--filter", "properties.n < 2 OR properties.n = 2999", "--to", "2026-04-27"
    )
    assert [json.loads(line)["properties"]["n"] for line in lines.stdout.splitlines()] == [
        0,
        1,
        2999,
    ]
    assert lines.stderr == "3 events in standard output\n"


async def test_a_killed_export_goes_on_where_it_was(
    stores: Stores, aggregate: Aggregate, home: Path, tmp_path: Path
) -> None:
    many(stores, 40_000, 40)
    whole = await exported(aggregate)
    file, state = tmp_path / "e.jsonl", tmp_path / "e.jsonl.resume"
    words = ("--format", "jsonl")
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "export",
        "--app",
        APP,
        "--output",
        str(file),
        *words,
    ]
    environment = {**without_settings(), "WEIR_HOME": os.environ["WEIR_HOME"]}
    with started(command, environment) as process:
        await until(state.exists)
        process.kill()
        await asyncio.to_thread(process.wait)
    written = json.loads(state.read_text())
    assert 0 < written["rows"] < 40_000
    assert file.read_bytes()[: written["bytes"]] == whole[: written["bytes"]]
    # As if the machine had stopped while a line was written.
    with file.open("ab") as end:
        end.write(b'{"half a li')

    again = await export(*words, "--output", str(file))
    assert again.exit_code == 2
    assert again.stderr.startswith(f"{file} is an export that was cut: go on with --resume")
    other = await export(*words, "--output", str(file), "--resume", "--filter", "name = n1")
    assert other.exit_code == 2
    assert "was begun with other options" in other.stderr
    assert json.loads(state.read_text()) == written

    resumed = await export(*words, "--output", str(file), "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert resumed.stderr == f"40,000 events in {file}\n"
    assert file.read_bytes() == whole
    assert not state.exists()


async def test_a_draining_service_is_left_and_the_rest_comes_from_the_next(
    stores: Stores,
    aggregate: Aggregate,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All attempts meet a service that drains: the command gives up, and says how to go on."""
    # Two and not five, because the service asks for three seconds between them.
    monkeypatch.setattr("cli.commands.export._ATTEMPTS", 2)
    many(stores, 20_000, 40)
    file = tmp_path / "e.jsonl"
    aggregate.drain()
    found = await export("--output", str(file))
    assert found.exit_code == 1
    assert found.stderr.count("DRAINING: going on after 0 events\n") == 1
    assert found.stderr.count("DRAINING") == 2
    # Nothing came: there is no file in the way of the next attempt.
    assert not file.exists()


async def test_mistakes_are_explained(stores: Stores, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    none = await export("--resume", "--output", str(file))
    assert none.exit_code == 2
    assert none.stderr == f"there is no {file}.resume: {file} is complete, or no export\n"
    assert (await export("--resume")).stderr == "--resume: needs --output\n"
    assert (await export("--filter", "nam = x", "--output", str(file))).exit_code == 2
    assert (await export("--last", "1s", "--output", str(file))).exit_code == 1
    assert not file.exists()
    file.write_text("mine")
    taken = await export("--output", str(file))
    assert taken.stderr == f"{file} exists: name another file, or delete it\n"
    assert file.read_text() == "mine"
    nowhere = await export("--output", str(tmp_path / "no" / "e.jsonl"))
    assert (nowhere.exit_code, "No such file" in nowhere.stderr) == (1, True)
    state = tmp_path / "e.jsonl.resume"
    state.write_text("{")
    assert "cannot be read: begin again" in (await export("--resume", "--output", str(file))).stderr


@pytest.mark.parametrize("content", [b"", b"short"])
async def test_a_file_that_lost_its_end_is_not_gone_on_with(
    stores: Stores, aggregate: Aggregate, home: Path, tmp_path: Path, content: bytes
) -> None:
    from cli.export_file import ExportFile, ExportFileError

    file = tmp_path / "e.jsonl"
    with ExportFile(file, b"r", resume=False) as begun:
        begun.write(b"half", 0, "")
        begun.write(b" a line\n", 1, "token")
        begun.write(b"never", 0, "")
    assert file.read_bytes() == b"half a line\n"
    file.write_bytes(content)
    with pytest.raises(ExportFileError, match="is shorter than"):
        ExportFile(file, b"r", resume=True)
