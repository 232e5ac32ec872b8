"""`weir demo` as a user runs it."""

import json
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cli.main import app
from demo.generator import generate_day
from suite.embedded import PostgresServer
from suite.home import Home
from tests.support.environment import without_settings
from tests.support.repository import REPOSITORY
from tests.support.weir_command import started, weir, weir_process

pytestmark = pytest.mark.xdist_group("e2e demo")

VERDICTS = ("accepted", "anonymized", "duplicate", "rejected", "dropped", "sampled")


def _assert_right(result: dict[str, Any]) -> None:
    assert result["sent"] == sum(result[verdict] for verdict in VERDICTS)
    assert all(result[verdict] > 0 for verdict in VERDICTS)
    assert result["stored"] == result["counted"] == result["accepted"] + result["anonymized"]
    assert result["mismatches"] == 0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A finished `weir demo --events 10000` and its home."""
    home = tmp_path_factory.mktemp("weir")
    command = ("demo", "--events", "10000", "--day", "2026-03-14", "--seed", "7")
    return home, weir_process(home, *command, timeout_seconds=200)


def test_the_demo_ends_with_numbers_that_agree(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, finished = demo
    assert finished.returncode == 0, finished.stdout[-2_000:] + finished.stderr[-2_000:]
    result = json.loads(finished.stdout.splitlines()[-1])
    assert list(result)[:10] == ["sent", *VERDICTS, "stored", "counted", "mismatches"]
    _assert_right(result)
    assert result["sent"] == len(generate_day(7, 10_000, date(2026, 3, 14)).events) >= 10_000
    for title in (
        "Active users by community",
        "Missions",
        "Zone dwell",
        "Stages of games",
        "Micro-acts",
        "Payouts",
        "Revenue",
    ):
        assert title in finished.stdout


def test_the_stores_hold_what_the_demo_said(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    home, finished = demo
    result = json.loads(finished.stdout.splitlines()[-1])
    server = PostgresServer(home / "demo" / "postgres", 27432)
    server.start()
    try:
        with psycopg.connect(server.url) as connection:
            [stored] = connection.execute("SELECT count(*) FROM enrich.events").fetchall()
            [distinct] = connection.execute(
                "SELECT count(DISTINCT (app_id, event_uuid)) FROM enrich.events"
            ).fetchall()
            [counted] = connection.execute(
                "SELECT sum(m.count) FROM aggregate.cells c JOIN aggregate.measures m USING (cell_id)"
                " WHERE c.rollup = 'events' AND m.metric = 'events'"
            ).fetchall()
            [named] = connection.execute(
                "SELECT count(*) FROM enrich.events WHERE subject_id IS NOT NULL"
                " AND anonymous_id IS NOT NULL"
            ).fetchall()
            [countries] = connection.execute(
                "SELECT count(DISTINCT country) FROM enrich.events"
            ).fetchall()
            [engines] = connection.execute(
                "SELECT count(*) FROM enrich.events WHERE browser = 'Unity'"
            ).fetchall()
    finally:
        server.stop()
    assert stored == distinct == counted == (result["stored"],)
    assert named == (0,)
    assert countries[0] >= 8
    assert engines[0] > 1_000


def test_a_demo_beside_a_running_one_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo")
    with home.lock():
        finished = weir_process(tmp_path, "demo")
    assert finished.returncode == 1
    assert "already running" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("day", ["2999-01-01", "1970-01-01", "someday"])
def test_a_day_that_cannot_have_happened_is_wrong_usage(tmp_path: Path, day: str) -> None:
    finished = weir(tmp_path, "demo", "--day", day)
    assert finished.returncode == 2
    assert not (tmp_path / "demo").exists()


@pytest.fixture
def staying(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "cli.main", "demo", "--stay", "--events", "2000"]
    with started(command, {**without_settings(), "WEIR_HOME": str(tmp_path)}) as process:
        yield process


def _readme_commands() -> Iterator[str]:
    """The block about a product of one's own, a command each; without those that go on until Ctrl-C."""
    [block] = re.findall(
        r"^```sh\n(weir import .*?)^```$",
        (REPOSITORY / "README.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
    for line in block.replace("\\\n", " ").splitlines():
        if not re.search(r"--watch|query watch", line):
            yield line


def _assert_the_readme_works(home: Path, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands, in a folder that has what they name."""
    for name in ("catalogs", "demo"):
        (clone / name).symlink_to(REPOSITORY / name)
    monkeypatch.chdir(clone)
    monkeypatch.setenv("WEIR_HOME", str(home))
    for command in _readme_commands():
        program, *words = shlex.split(command, comments=True)
        if program == "weir":
            finished = CliRunner().invoke(app, words)
            assert finished.exit_code == 0, f"{command}: {finished.output}"
        else:
            subprocess.run(command, shell=True, check=True, cwd=clone)
    exported = (clone / "events.csv").read_text().splitlines()
    assert len(exported) == len((clone / "demo/samples/gamelaunch.csv").read_text().splitlines())


def test_stay_keeps_the_suite_up_until_ctrl_c(
    staying: subprocess.Popen[str],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert staying.stdout is not None
    result: dict[str, Any] = {}
    screen = ""
    for line in staying.stdout:
        if line.startswith("{"):
            result = json.loads(line)
        screen += line
        if line.startswith("export WEIR_HOME="):
            break
    _assert_right(result)
    assert "Weir is up" in screen
    assert "grpcurl -plaintext" in screen
    home = tmp_path / "demo"
    answer = weir(home, "query", "rollup", "--app", "social_live", "--rollup", "revenue", "--json")
    assert answer.returncode == 0, answer.stderr
    assert "BRL" in answer.stdout
    _assert_the_readme_works(home, tmp_path_factory.mktemp("clone"), monkeypatch)
    staying.send_signal(signal.SIGINT)
    staying.communicate(timeout=120)
    assert staying.returncode == 0
    assert not Home(home).addresses_file.exists()
