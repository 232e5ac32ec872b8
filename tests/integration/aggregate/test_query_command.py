"""`weir query` against a running service."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from libs.cli.query_commands import app
from libs.common.home import Addresses, Home
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.unit.aggregate.samples import APP, entry, event


@pytest.fixture
def home(aggregate: Aggregate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """WEIR_HOME of a suite that has only the service under test."""
    folder = tmp_path / "home"
    addresses = Addresses(
        services={"aggregate": aggregate.address},
        metrics={},
        database_url="",
        redis_url="",
        token="t",
        pid=os.getpid(),
    )
    Home(folder).write_addresses(addresses)
    monkeypatch.setenv("WEIR_HOME", str(folder))
    return folder


async def run(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


async def test_numbers_and_cohorts(stores: Stores, home: Path) -> None:
    stores.send(
        entry(
            event(player="ann", guild="g1", properties={"score": 2.5, "mode": "duel"}),
            event(player="bob", guild="g2", properties={"mode": None}),
            event("match.left", "2026-04-29T12:00:00", player="ann"),
        )
    )
    await stores.until_drained()

    where = ("--where", "guild_id=g1")
    found = await run("metric", "--app", APP, "--rollup", "matches", *where, "--json")
    numbers = {"best": 2.5, "matches": 1, "mean": 2.5, "players": 1, "score": 2.5, "worst": 2.5}
    assert json.loads(found.stdout) == {
        "cells": [
            {
                "bucket_start": "2026-04-27T00:00:00Z",
                "dimensions": {"guild_id": "g1", "mode": "duel"},
                "metrics": numbers,
            }
        ]
    }
    missing = await run("metric", "--app", APP, "--rollup", "matches", "--where", "mode=", "--json")
    [cell] = json.loads(missing.stdout)["cells"]
    assert cell["dimensions"] == {"guild_id": "g2", "mode": None}
    table = await run("metric", "--app", APP, "--rollup", "events", "--from", "2026-04-28")
    assert "match.left" in table.stdout
    assert "match.ended" not in table.stdout

    cohorts = await run("retention", "--app", APP, "--period", "day", "--json")
    assert json.loads(cohorts.stdout) == {
        "cohorts": [{"start": "2026-04-27", "size": 2, "active": [2, 0, 1]}]
    }
    assert "2026-04-27" in (await run("retention", "--app", APP, "--period", "day")).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("metric", "--app", "chess", "--rollup", "events"),
            1,
            "APP_UNKNOWN: no catalog is loaded for this app; there are addvalue, ",
        ),
        (
            ("metric", "--app", APP, "--rollup", "match"),
            1,
            "METRIC_UNKNOWN: the app's catalog declares no such rollup;"
            " there are activity, events, loot, matches, scores\n",
        ),
        (
            ("watch", "--app", APP, "--rollup", "match"),
            1,
            "there are activity, events, loot, matches, scores\n",
        ),
        (("metric", "--app", APP, "--rollup", "events", "--where", "x"), 2, "dimension=value"),
        (("metric", "--app", APP, "--rollup", "events", "--from", "soon"), 2, "--from soon"),
    ],
)
async def test_what_goes_wrong_is_one_line(
    home: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = await run(*arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


async def test_no_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    result = await run("retention", "--app", APP, "--period", "day")
    assert result.exit_code == 1
    assert "weir up" in result.stderr
