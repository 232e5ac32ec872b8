"""Importing files with `weir import`, and what is stored of them."""

import json
from pathlib import Path
from typing import Any

import psycopg

from suite.supervisor import Suite
from tests.support.weir_command import weir

MAPPING = (
    "--map",
    "subject_id=userid",
    "--map",
    "occurred_at=eventDate",
    "--map",
    "name=eventName",
)


def import_file(suite: Suite, file: Path | str, *options: str) -> dict[str, Any]:
    """Imports a file, which must end well; returns what the command says."""
    finished = weir(suite.home.path, "import", str(file), *options, "--json")
    assert finished.returncode == 0, finished.stderr
    result: dict[str, Any] = json.loads(finished.stdout)
    return result


def stored_times(suite: Suite, person: str) -> list[tuple[str, str]]:
    """People whose ids begin with `person`, with the times of their stored events in UTC, by time and id."""
    with psycopg.connect(suite.addresses.database_url) as connection:
        rows = connection.execute(
            "SELECT subject_id, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
            " FROM enrich.events WHERE subject_id LIKE %s ORDER BY occurred_at, subject_id",
            [f"{person}%"],
        ).fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]
