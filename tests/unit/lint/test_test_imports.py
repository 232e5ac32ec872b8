"""Tests of one kind do not import tests of another: what they share is in tests/support."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

TESTS = REPOSITORY / "tests"
# Every kind may import these, and they import no tests: what tests share, and a step of lint.
SHARED = {"support", "lint"}


def _imported(text: str) -> Iterator[str]:
    """The names in `tests` that a file imports, as `unit.ingest.test_sizes`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("tests.") for name in names if name.startswith("tests."))


def _foreign(kind: str, text: str) -> list[str]:
    """What a file of this kind imports and may not."""
    return [name for name in _imported(text) if name.split(".")[0] not in {kind, *SHARED}]


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("e2e", "from tests.contract.rpc.every_rpc import rpc", ["contract.rpc.every_rpc.rpc"]),
        ("e2e", "from tests.unit import ingest as i", ["unit.ingest"]),
        ("e2e", "from tests import unit", ["unit"]),
        ("support", "import tests.unit.ingest.fakes", ["unit.ingest.fakes"]),
        ("unit", "from tests.unit.ingest import x\nfrom tests.support.waiting import until", []),
        ("unit", "import testsuite.unit", []),
    ],
)
def test_what_is_foreign_to_a_file(kind: str, text: str, found: list[str]) -> None:
    assert _foreign(kind, text) == found


def test_no_tests_import_tests_of_another_kind() -> None:
    files = [file for file in sorted(TESTS.rglob("*.py")) if file.parent != TESTS]
    assert {_kind(file) for file in files} >= {"unit", "integration", "contract", "e2e", "support"}
    found = {
        str(file.relative_to(TESTS)): names
        for file in files
        if (names := _foreign(_kind(file), file.read_text()))
    }
    assert found == {}


def _kind(file: Path) -> str:
    return file.relative_to(TESTS).parts[0]
