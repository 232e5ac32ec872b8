"""docs/requirements.md: each rule stands there once, and a row that says *works* names what is there."""

import re
from collections import Counter

from libs.runtime.resources import REPOSITORY

ROW = re.compile(r"^\| ([A-Z]+-?\d+) \| ([a-z ]+) \| ?(.*?) ?\| ?(.*?) ?\|$", re.MULTILINE)
STATES = {"works", "works at the spine", "partly at the spine", "missing at the spine"}


def _rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall((REPOSITORY / "docs" / "requirements.md").read_text())


def test_each_rule_of_the_five_documents_stands_there_once() -> None:
    rows = _rows()
    # The number of rules of each document, from the table of the requirement files.
    products = Counter(re.sub(r"-?\d+", "", rule) for rule, *_ in rows)
    assert sorted(products.values()) == sorted([108, 109, 173, 77, 80])
    assert len({rule for rule, *_ in rows}) == len(rows)
    assert {state for _, state, _, _ in rows} <= STATES


def test_a_rule_that_works_names_its_file_and_its_test() -> None:
    works = [row for row in _rows() if row[1] == "works"]
    assert works
    for rule, _, where, test in works:
        for name in (where, test):
            assert (REPOSITORY / name.strip("`")).is_file(), rule
