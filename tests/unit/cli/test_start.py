"""Commands start without what they do not need, and `weir --help` says what they say themselves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cli.commands import query
from cli.lazy import LazyCommand
from cli.main import ENTRIES, app
from tests.support.environment import without_settings
from tests.support.repository import REPOSITORY

LOADED = """
import json, sys
from cli.main import app
try:
    app(sys.argv[1:])
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
# Each of these takes from a twentieth to half a second.
STORES = {"sqlalchemy", "alembic", "psycopg", "redis"}
CALLS = {"grpc", "google.protobuf", "weir_client"}
REST = {"pydantic_settings", "structlog", "opentelemetry", "demo", "suite.supervisor"}
CATALOGS = {"libs.catalog", "jsonschema_rs", "yaml"}


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ("--help", STORES | CALLS | REST | CATALOGS | {"psutil"}),
        ("serve nothing", STORES | CALLS | REST | CATALOGS),
        ("status", STORES | CALLS | REST | CATALOGS),
        ("status --json", STORES | CALLS | REST | CATALOGS),
        ("doctor", STORES | CALLS | REST),
        ("catalog list", STORES | CALLS | REST),
        ("query rollup --app chess --rollup r", STORES | REST | CATALOGS),
        ("consent history --app chess --subject 7", STORES | REST | CATALOGS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_light_command_imports_nothing_heavy(
    tmp_path: Path, command: str, unneeded: set[str]
) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", LOADED, *command.split()],
        env={**without_settings(), "WEIR_HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(json.loads(finished.stderr.splitlines()[-1]))
    assert loaded & unneeded == set()


@pytest.mark.parametrize(
    ("group", "name"),
    [*((app, name) for name in ENTRIES), *((query.app, name) for name in query.ENTRIES)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_help_says_of_a_command_what_the_command_says_of_itself(
    group: typer.Typer, name: str
) -> None:
    listed = typer.main.get_group(group).commands[name]
    assert isinstance(listed, LazyCommand)
    itself = (listed.load().help or "").partition("\n")[0]
    assert listed.help == itself != ""


def test_every_command_is_listed() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "cli.main", "--help"],
        env={**os.environ, "COLUMNS": "200"},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    for name, entry in ENTRIES.items():
        assert any(name in line and entry.summary in line for line in listed.splitlines()), name
