"""Each service names its own tables only; the stored events are read through `libs/events`."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

SERVICES = ("ingest", "enrich", "aggregate", "privacy")
# Why a file outside of the service may name its tables.
ALLOWED = {
    "libs/events/postgres.py": "is how others read the events",
    "libs/events/selection_sql.py": "is how others read the events",
    "libs/events/subject_rows.py": "is how others read the events",
    "libs/events/person_totals.py": "is how others read the events",
    "libs/events/latest_sql.py": "is how others read the events",
    "suite/migrate.py": "migrates, and gives partitions to their role",
    **dict.fromkeys(
        (
            f"services/aggregate/behaviour/{file}"
            for file in (
                "postgres.py",
                "cohorts/postgres.py",
                "funnel/postgres.py",
                "paths/postgres.py",
                "segments/postgres.py",
            )
        ),
        "asks for the order of people's events by the columns of libs/events (ADR 34)",
    ),
    "libs/events/recount.py": "recounts by other means than counting, to find what that gets wrong",
}
ROOTS = ("libs", "services", "cli", "demo", "suite", "clients/python/weir_client")
TABLES = {
    str(table): service
    for service in SERVICES
    for table in import_module(f"services.{service}.tables").metadata.tables
}
_TABLE = re.compile(r"\b({})\b".format("|".join(map(re.escape, TABLES))))


def _texts(tree: ast.AST) -> Iterator[str]:
    """The string constants of a module, parts of f-strings among them, without docstrings."""
    documentation = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in documentation
        ):
            yield node.value


def _schemas_of_identifiers(tree: ast.AST) -> Iterator[str]:
    """The schemas in `sql.Identifier("schema", table)`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "Identifier"
            and len(node.args) > 1
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


def named_services(source: str) -> set[str]:
    """The services whose tables a module names."""
    tree = ast.parse(source)
    named = {TABLES[name] for text in _texts(tree) for name in _TABLE.findall(text)}
    return named | {schema for schema in _schemas_of_identifiers(tree) if schema in SERVICES}


def _files() -> list[Path]:
    return [file for root in ROOTS for file in sorted((REPOSITORY / root).rglob("*.py"))]


def test_it_finds_names_in_statements_and_not_in_documentation() -> None:
    assert named_services('"""Reads enrich.events."""\n# privacy.consents\n') == set()
    assert named_services('Q = f"SELECT {x} FROM enrich.events WHERE a"') == {"enrich"}
    assert named_services('sql.Identifier("privacy", "consents")') == {"privacy"}
    assert named_services('"enriched events", "aggregate.cellsx"') == set()


@pytest.mark.parametrize("root", ROOTS)
def test_tables_are_named_by_their_owner_only(root: str) -> None:
    found = {}
    for file in sorted((REPOSITORY / root).rglob("*.py")):
        path = str(file.relative_to(REPOSITORY))
        own = {path.split("/")[1]} if path.startswith("services/") else set()
        if others := named_services(file.read_text()) - own:
            found[path] = others
    assert found.keys() <= ALLOWED.keys(), "read the events through libs/events (ADR 18)"


def test_the_exceptions_are_still_needed() -> None:
    for path in ALLOWED:
        assert named_services((REPOSITORY / path).read_text())


def test_only_enrich_names_its_table_for_writing() -> None:
    writes = re.compile(
        r"\b(INSERT INTO|COPY|UPDATE|DELETE FROM|TRUNCATE)\s+enrich\.", re.IGNORECASE
    )
    found = {
        str(file.relative_to(REPOSITORY))
        for file in _files()
        if any(writes.search(text) for text in _texts(ast.parse(file.read_text())))
    }
    assert found == {
        "services/enrich/archive/postgres.py",
        "services/enrich/erasure/fences.py",
        "services/enrich/storage/postgres.py",
    }
