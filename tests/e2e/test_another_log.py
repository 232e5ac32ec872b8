"""The log of a shop in docs/importing.md: its rows, its catalog, its commands and what they print."""

import re
import shlex
from pathlib import Path

import pytest

from suite.supervisor import Suite
from tests.support.added_catalogs import add_catalogs
from tests.support.repository import REPOSITORY
from tests.support.weir_command import weir

pytestmark = pytest.mark.xdist_group("e2e apps")
SECTION = (
    (REPOSITORY / "docs" / "importing.md")
    .read_text()
    .partition("## Another log")[2]
    .partition("\n## ")[0]
)


def block(language: str) -> str:
    """The section's one block in a language."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    return str(found)


def test_cohorts_by_month_of_a_log_with_a_catalog_of_20_lines(
    growing_suite: Suite, tmp_path: Path
) -> None:
    assert len(block("yaml").splitlines()) <= 20
    add_catalogs(growing_suite, {"cd_shop": block("yaml")})
    log = tmp_path / "cd_shop.csv"
    log.write_text(block("csv"))
    for line in block("sh").splitlines():
        words = shlex.split(line)[1:]
        finished = weir(
            growing_suite.home.path, *(str(log) if word == log.name else word for word in words)
        )
        assert finished.returncode == 0, finished.stderr
    printed = [
        [cell.strip() for cell in re.split("[│┃]", row)[1:-1]]
        for row in finished.stdout.splitlines()
        if row[:1] in ("│", "┃")
    ]
    table = [row for row in SECTION.splitlines() if row.startswith("|")]
    shown = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table]
    assert printed == [shown[0], *shown[2:]]
