"""`weir catalog lint`, `list` and `show`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.catalog import app
from tests.support.small_catalog import SMALL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chess.yaml").write_text(SMALL)
    return tmp_path


def test_lint_says_ok(folder: Path) -> None:
    result = CliRunner().invoke(app, ["lint", str(folder)])
    assert (result.exit_code, result.output) == (0, "ok: 1 catalog\n")


def test_lint_tells_where(folder: Path) -> None:
    file = folder / "chess.yaml"
    file.write_text(SMALL.replace("title:", "titel:"))
    result = CliRunner().invoke(app, ["lint", str(file)])
    assert result.exit_code == 1
    assert f"{file}:2: unknown key `titel`; did you mean `title`?" in result.output.splitlines()


def test_lint_takes_the_folder_of_the_environment(folder: Path) -> None:
    result = CliRunner().invoke(app, ["lint"], env={"WEIR_CATALOGS": str(folder)})
    assert result.output == "ok: 1 catalog\n"


def test_list(folder: Path) -> None:
    arguments = ["list", "--catalogs", str(folder)]
    assert "chess" in CliRunner().invoke(app, arguments).output
    rows = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert rows == [{"app_id": "chess", "title": "Chess", "events": 3, "purposes": 1, "rollups": 2}]


def test_show(folder: Path) -> None:
    arguments = ["show", "chess", "--catalogs", str(folder)]
    assert "game.ended" in CliRunner().invoke(app, arguments).output
    shown = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert shown["purposes"] == {
        "telemetry": {"default": "granted", "when_denied": "anonymize", "subjectless": "accept"}
    }
    assert shown["events"]["game.ended"]["retention_days"] == 90
    assert shown["rollups"]["activity"]["metrics"] == {"active_users": {"distinct": "subject"}}


def test_show_event(folder: Path) -> None:
    arguments = ["show", "chess", "game.ended", "--catalogs", str(folder)]
    assert "moves" in CliRunner().invoke(app, arguments).output
    shown = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).output)
    assert shown["versions"]["1.0.0"]["required"] == ["moves"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ches"], "no app `ches`; did you mean `chess`; there are chess\n"),
        (["chess", "game.over"], "no event `game.over` in chess"),
    ],
)
def test_show_something_unknown(folder: Path, arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["show", *arguments, "--catalogs", str(folder)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(said)
