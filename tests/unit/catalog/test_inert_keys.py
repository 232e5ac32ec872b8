"""Keys on which nothing acts yet: lint says so, and the list of them is the code's own state."""

import ast
from dataclasses import fields
from pathlib import Path

from typer.testing import CliRunner

from cli.main import app
from libs.catalog import (
    Catalog,
    Category,
    ClockPolicy,
    EventType,
    Limits,
    Purpose,
    Rollup,
    compile_catalog,
)
from libs.catalog.inert_keys import INERT_KEYS, inert_key_notes
from tests.support.repository import REPOSITORY
from tests.support.small_catalog import SMALL

MODEL = (Catalog, Category, ClockPolicy, EventType, Limits, Purpose, Rollup)
# Words for people, which commands show. Other things that services read have descriptions too.
WORDS = {"Catalog.title", "EventType.description", "Category.legal_ground"}
# What the compiler turns into another field: the rollup `activity`, and how long cells of rollups are kept.
COMPILED = {"Catalog.activity", "Category.aggregate_retention_days"}
EVERY_INERT_KEY = (
    SMALL.replace(
        "retention: {raw: 90d, aggregate: 5y}}",
        "retention: {raw: 90d, aggregate: 5y}, anonymize_after: 30d}\n"
        "  more: {producers: [api], retention: {raw: 1d, aggregate: 1d}}",
    )
    + """\
rollups:
  games: {events: ['*'], period: day, metrics: {games: count}, retention: 1y}
consumers: {}
dashboards: {}
alerts: {}
access: {}
"""
)


def fields_read_by_services() -> set[str]:
    """The attributes that services, and the libraries that decide for them, read of anything."""
    folders = [REPOSITORY / "services", *(REPOSITORY / "libs").iterdir()]
    return {
        node.attr
        for folder in folders
        # Jobs know no catalog, and have descriptions of their own.
        if folder.name not in ("catalog", "jobs")
        for file in folder.rglob("*.py")
        if "journal" not in file.parts
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


def test_the_inert_keys_are_those_that_nothing_reads() -> None:
    read = fields_read_by_services()
    unread = {
        f"{model.__name__}.{field.name}"
        for model in MODEL
        for field in fields(model)
        if field.name not in read
    }
    assert unread | WORDS == WORDS | COMPILED | set(INERT_KEYS.values())


def test_a_note_for_each_key_with_its_first_line() -> None:
    compile_catalog(EVERY_INERT_KEY, "chess.yaml")
    notes = inert_key_notes(EVERY_INERT_KEY, "chess.yaml")
    assert [str(note) for note in notes] == [
        "chess.yaml:22: `consumers`: nothing acts on this yet",
        "chess.yaml:23: `dashboards`: nothing acts on this yet",
        "chess.yaml:24: `alerts`: nothing acts on this yet",
        "chess.yaml:25: `access`: nothing acts on this yet",
    ]


def test_lint_prints_notes_and_succeeds(tmp_path: Path) -> None:
    file = tmp_path / "chess.yaml"
    file.write_text(EVERY_INERT_KEY)
    result = CliRunner().invoke(app, ["catalog", "lint", str(file)])
    assert result.exit_code == 0
    said = result.stdout.splitlines()
    assert said[0] == f"note: {file}:22: `consumers`: nothing acts on this yet"
    assert len(said) == 1 + len(INERT_KEYS)
    assert said[-1] == "ok: 1 catalog"
