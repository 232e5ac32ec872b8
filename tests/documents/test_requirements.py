"""docs/requirements.md: each rule has one row, what a row names exists, and *works* and *otherwise* name
their tests."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

PAGE = REPOSITORY / "docs" / "requirements.md"
SHARED = REPOSITORY.parent / "shared" / "requirements"
STATES = {"works", "otherwise", "partly", "missing"}
# The rules of each document, counted by hand in the requirement tables.
RULES = {"UC": 108, "LMS": 109, "AV": 173, "IP": 77, "SL": 80}

ROW = re.compile(r"^\| ([A-Z]+-?\d+) \| (.*?) \| ?(.*?) ?\| ?(.*?) ?\|$", re.MULTILINE)
RULE = re.compile(r"^\| ([A-Z]+-?\d+) \|", re.MULTILINE)
QUOTED = re.compile(r"`([^`]+)`")
ADR = re.compile(r"docs/decisions/\d{4}-[\w-]+\.md")
FILE = re.compile(r"[\w./-]+\.(?:py|pyi|yaml|yml|lua|md|proto|toml|sql|json)")


def _rows() -> list[tuple[str, str, str, str]]:
    """Rule, state, where and test of each row."""
    return ROW.findall(PAGE.read_text())


def _rows_in(state: str) -> list[tuple[str, str, str]]:
    return [(rule, where, test) for rule, found, where, test in _rows() if found == state]


@cache
def _test_functions(file: Path) -> frozenset[str]:
    """The names of a file's tests; none if there is no such file."""
    if not file.is_file():
        return frozenset()
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def test_each_rule_has_one_row() -> None:
    rules = [rule for rule, *_ in _rows()]
    assert [rule for rule, times in Counter(rules).items() if times > 1] == []
    assert Counter(rule.rstrip("0123456789").rstrip("-") for rule in rules) == RULES


@pytest.mark.skipif(not SHARED.is_dir(), reason="the requirement tables are not beside the project")
def test_the_rules_are_those_of_the_requirement_tables() -> None:
    tables = (file.read_text() for file in SHARED.glob("*.md"))
    assert {rule for rule, *_ in _rows()} == {
        rule for text in tables for rule in RULE.findall(text)
    }


def test_a_state_is_one_of_four_words() -> None:
    assert {state for _, state, *_ in _rows()} == STATES


def test_every_file_and_test_that_a_row_names_exists() -> None:
    gone = []
    for rule, _, where, test in _rows():
        for name in QUOTED.findall(f"{where} {test}"):
            path, _, function = name.partition("::")
            if not FILE.fullmatch(path):
                continue
            file = REPOSITORY / path
            if not file.is_file() or (function and function not in _test_functions(file)):
                gone.append(f"{rule}: {name}")
    assert gone == []


@pytest.mark.parametrize("state", ["works", "otherwise"])
def test_a_rule_that_is_kept_names_its_files_and_its_tests(state: str) -> None:
    kept = _rows_in(state)
    assert kept
    wrong = []
    for rule, where, test in kept:
        tests = [name.partition("::")[0] for name in QUOTED.findall(test)]
        if not (
            # Nothing but names, which the test above looks up.
            _are_names(where)
            and _are_names(test)
            and all(
                name.startswith("tests/") and _test_functions(REPOSITORY / name) for name in tests
            )
        ):
            wrong.append(rule)
    assert wrong == []


def test_a_rule_that_is_kept_otherwise_names_the_decision_and_what_does_it() -> None:
    wrong = []
    for rule, where, _ in _rows_in("otherwise"):
        decisions = [name for name in QUOTED.findall(where) if ADR.fullmatch(name)]
        if not decisions or len(decisions) == len(QUOTED.findall(where)):
            wrong.append(rule)
    assert wrong == []


def test_a_rule_that_does_not_work_says_what_is_missing() -> None:
    rows = _rows_in("partly") + _rows_in("missing")
    assert [rule for rule, where, _ in rows if not QUOTED.sub("", where).strip(" ,")] == []


def _are_names(cell: str) -> bool:
    names = QUOTED.findall(cell)
    return (
        cell == ", ".join(f"`{name}`" for name in names)
        and all(FILE.fullmatch(name.partition("::")[0]) for name in names)
        and bool(names)
    )
