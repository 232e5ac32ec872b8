"""What commands take from WEIR_HOME: the running suite's catalogs, and an error if it is no folder."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from libs.catalog import load_snapshot
from suite.home import Addresses, Home
from tests.support.environment import without_settings
from tests.support.repository import REPOSITORY
from tests.support.small_catalog import SMALL

SHIPPED = sorted(file.stem for file in (REPOSITORY / "catalogs").glob("*.yaml"))
# Port 9 of this machine: nothing answers.
SILENT = dict.fromkeys(("ingest", "aggregate", "privacy"), "127.0.0.1:9")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("WEIR_CATALOGS", raising=False)
    monkeypatch.delenv("WEIR_DATABASE_URL", raising=False)
    monkeypatch.setenv("WEIR_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.fixture
def running(home: Home, tmp_path: Path) -> Iterator[Addresses]:
    """The addresses of a suite whose only app is chess."""
    folder = _folder(tmp_path, "chess")
    addresses = Addresses(SILENT, {}, "", "", "t", os.getpid(), str(folder))
    with home.lock():
        home.write_addresses(addresses)
        yield addresses
        home.remove_addresses()


def _folder(parent: Path, app_id: str) -> Path:
    folder = parent / f"catalogs of {app_id}"
    folder.mkdir()
    (folder / f"{app_id}.yaml").write_text(SMALL.replace("chess", app_id))
    return folder


def _apps(*options: str) -> list[str]:
    result = CliRunner().invoke(app, ["catalog", "list", "--json", *options])
    assert result.exit_code == 0, result.output
    return sorted(row["app_id"] for row in json.loads(result.stdout))


def test_commands_use_the_catalogs_of_the_suite_that_runs(home: Home, running: Addresses) -> None:
    assert _apps() == ["chess"]
    mapping = ("--map", "name=n", "--map", "occurred_at=t")
    for command in (("send", "-"), ("import", "-", *mapping)):
        refused = CliRunner().invoke(app, [*command, "--app", "gamelaunch"])
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert refused.stderr == "no app `gamelaunch`; there are chess\n"
    findings = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    [catalogs] = [finding for finding in findings if finding["name"] == "catalogs"]
    version = load_snapshot(Path(running.catalogs)).version
    assert (catalogs["state"], catalogs["detail"]) == (
        "ok",
        f"1 in {running.catalogs}, version {version}: chess",
    )
    home.remove_addresses()
    assert _apps() == SHIPPED


def test_what_the_user_says_comes_first(
    running: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _apps("--catalogs", str(_folder(tmp_path, "go"))) == ["go"]
    monkeypatch.setenv("WEIR_CATALOGS", str(_folder(tmp_path, "shogi")))
    assert _apps() == ["shogi"]


def test_a_file_of_an_older_suite_says_nothing_of_catalogs(home: Home, running: Addresses) -> None:
    written = asdict(running)
    del written["catalogs"]
    home.addresses_file.write_text(json.dumps(written))
    assert home.read_addresses().token == "t"
    assert _apps() == SHIPPED


def test_another_suite_begins_with_the_default(home: Home, running: Addresses) -> None:
    # Refused for its home, so after its catalogs: chess is none of the demo's products.
    (home.path / "demo").touch()
    refused = CliRunner().invoke(app, ["demo"])
    assert refused.exit_code == 1
    assert refused.stderr.startswith(f"{home.path / 'demo'} is not a folder")


@pytest.mark.parametrize("below", ["", "home"])
@pytest.mark.parametrize(
    "command",
    [
        ("up",),
        ("demo",),
        ("migrate",),
        ("send", "-", "--app", "gamelaunch"),
        ("import", "-", "--app", "gamelaunch", "--map", "name=n", "--map", "occurred_at=t"),
        ("query", "rollup", "--app", "gamelaunch", "--rollup", "dau"),
        ("consent", "history", "--app", "gamelaunch", "--subject", "ann"),
        ("catalog", "list"),
        ("jobs", "list"),
    ],
)
def test_a_home_that_is_no_folder_is_one_line(
    tmp_path: Path,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    below: str,
) -> None:
    file = tmp_path / "file"
    file.write_text("mine\n")
    monkeypatch.setenv("WEIR_HOME", str(file / below))
    result = CliRunner().invoke(app, command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert f"{file}" in result.stderr
    assert "is not a folder: set WEIR_HOME to one" in result.stderr
    assert file.read_text() == "mine\n"


@pytest.mark.parametrize("command", ["up", "demo"])
def test_a_home_that_cannot_be_written_is_one_line(tmp_path: Path, command: str) -> None:
    """Mounts a read-only file system that only the command sees: root may write anywhere else."""
    script = f"mount -t tmpfs -o ro none {tmp_path} && "
    unshare = ["unshare", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, script + "true"]).returncode:
        pytest.skip("needs the right to mount a file system")
    # The demo's home is a folder in the home, and so cannot even be made.
    finished = subprocess.run(
        [*unshare, script + f"exec {sys.executable} -m cli.main {command}"],
        env={**without_settings(), "WEIR_HOME": str(tmp_path)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (finished.returncode, finished.stdout) == (1, "")
    assert finished.stderr.count("\n") == 1
    assert str(tmp_path) in finished.stderr
    assert "Read-only file system; set WEIR_HOME to another folder" in finished.stderr


def test_a_short_pseudonym_key_is_one_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_PSEUDONYM_KEY", "fifteen-bytes-0")
    result = CliRunner().invoke(app, ["up"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "WEIR_PSEUDONYM_KEY must have at least 16 bytes, and has 15\n"
    # Before anything was started.
    assert not (home.path / "postgres").exists()
    monkeypatch.delenv("WEIR_PSEUDONYM_KEY")
    file = home.path / "pseudonym.key"
    file.write_text("short\n")
    result = CliRunner().invoke(app, ["up"])
    assert result.exit_code == 1
    assert result.stderr == f"{file} must have at least 16 bytes, and has 5\n"


def test_a_service_with_a_short_pseudonym_key_is_one_line() -> None:
    settings = {
        "WEIR_ENVIRONMENT": "development",
        # Never contacted.
        "WEIR_DATABASE_URL": "postgresql://127.0.0.1:9/weir",
        "WEIR_REDIS_URL": "redis://127.0.0.1:9/0",
        "WEIR_PSEUDONYM_KEY": "fifteen-bytes-0",
    }
    finished = subprocess.run(
        [sys.executable, "-m", "cli.main", "serve", "ingest"],
        env={**without_settings(), **settings},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 1
    assert finished.stderr == (
        "ingest cannot start: WEIR_PSEUDONYM_KEY must have at least 16 bytes, and has 15\n"
    )


def test_doctor_goes_on_and_says_so_too(tmp_path: Path, home: Home) -> None:
    home.path.write_text("mine\n")
    result = CliRunner().invoke(app, ["doctor", "--json"])
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)}
    assert (result.exit_code, findings["home"]["state"]) == (1, "broken")
    assert "set WEIR_HOME" in findings["home"]["detail"]
    assert findings["catalogs"]["state"] == "ok"


def test_doctor_breaks_long_addresses_and_cuts_nothing_off(
    running: Addresses, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    lines = CliRunner().invoke(app, ["doctor"]).stdout.splitlines()
    assert max(map(len, lines)) <= 50
    # Without the two columns before it, the path of the log is whole again.
    column = next(line.index("does not serve") for line in lines if "does not serve" in line)
    shown = "".join(line[column:].rstrip() for line in lines)
    assert f"{home.logs}/ingest.log" in shown


def test_a_folder_of_catalogs_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    for folder, words in (
        (tmp_path / "none", "no such folder"),
        (tmp_path, "no catalogs (*.yaml)"),
    ):
        refused = CliRunner().invoke(app, ["catalog", "list", "--catalogs", str(folder)])
        assert refused.exit_code == 1
        assert words in refused.output


def test_a_wrong_choice_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    for command in (
        ("query", "cohorts", "--app", "gamelaunch", "--period", "year"),
        ("import", "-", "--app", "gamelaunch", "--format", "xml"),
    ):
        refused = CliRunner().invoke(app, command)
        assert refused.exit_code == 2
        assert f"'{command[-1]}' is not one of" in refused.stderr
        assert "Value error" not in refused.stderr
