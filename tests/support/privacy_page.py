"""docs/privacy.md, by its sections."""

import re
from collections.abc import Mapping

from tests.support.repository import REPOSITORY

TEXT = (REPOSITORY / "docs" / "privacy.md").read_text()


def rows(title: str) -> Mapping[str, list[str]]:
    """The rows of the first table of the section, by what stands in backticks in their first cell, else by
    all of it."""
    [section] = re.findall(
        rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
    _, _, *lines = re.findall(r"^\|.*\|$", section.split("\n\n| in the home")[0], re.MULTILINE)
    return _by_first(lines)


def home() -> set[str]:
    """The names of what is in the home of `weir up`."""
    table = TEXT.split("| in the home")[1].split("\n\n")[0]
    return {
        name
        for line in re.findall(r"^\|.*\|$", table, re.MULTILINE)
        for name in re.findall(r"`([\w.]+)`", line.split("|")[1])
    }


def _by_first(lines: list[str]) -> Mapping[str, list[str]]:
    found = {}
    for line in lines:
        first, *others = [cell.strip() for cell in line.strip("|").split("|")]
        found[first.strip("`")] = others
    assert len(found) == len(lines), "a row is there twice"
    return found
