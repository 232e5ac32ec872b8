"""Behaviours of a catalog: compiled, and their filters checked by lint."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from libs.catalog import CatalogError, compile_catalog
from tests.support.small_catalog import SMALL

DECLARED = """\
behaviours:
  winners: {events: ['*'], filter: 'properties.won = true', description: Won a game}
  players: {events: ['*']}
"""


def test_names_patterns_and_filters() -> None:
    catalog = compile_catalog(SMALL + DECLARED, "chess.yaml")
    assert list(catalog.behaviours) == ["winners", "players"]
    winners = catalog.behaviours["winners"]
    assert winners.events == frozenset(catalog.events)
    assert winners.filter == "properties.won = true"
    assert catalog.behaviours["players"].filter == ""


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("  Win: {events: ['*']}", "the name of a behaviour is a-z"),
        ("  won: {filter: 'a = 1'}", "`events` is missing"),
        ("  won: {events: [no_such]}", "no_such"),
        ("  won: {events: ['*'], metrics: {}}", "metrics"),
    ],
)
def test_mistakes_are_named(declared: str, words: str) -> None:
    with pytest.raises(CatalogError) as refused:
        compile_catalog(f"{SMALL}behaviours:\n{declared}\n", "chess.yaml")
    assert words in str(refused.value.problems[0])


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("properties.won =", "at character 17"),
        ("subject = ann", "identifies a person"),
    ],
)
def test_lint_reads_filters(tmp_path: Path, condition: str, words: str) -> None:
    file = tmp_path / "chess.yaml"
    file.write_text(f"{SMALL}behaviours:\n  won: {{events: ['*'], filter: '{condition}'}}\n")
    result = CliRunner().invoke(app, ["catalog", "lint", str(file)])
    assert result.exit_code == 1
    assert f"behaviours.won.filter: {words}" in result.stdout or words in result.stdout
