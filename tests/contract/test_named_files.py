"""The pages that say where things are name files that exist."""

import re

import pytest

from tests.support.repository import REPOSITORY

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/security.md",
    *(str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "docs/howto").glob("*.md")),
]
# A path from the root of the repository in backticks, without placeholders.
PATH = re.compile(r"`((?:[a-z_.]+/)+[\w.-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_a_page_names_exist(page: str) -> None:
    text = (REPOSITORY / page).read_text()
    roots = {entry.name for entry in REPOSITORY.iterdir()}
    paths = [path for path in PATH.findall(text) if path.split("/")[0] in roots]
    assert not [path for path in paths if not (REPOSITORY / path).exists()]
    folder = (REPOSITORY / page).parent
    assert not [link for link in LINK.findall(text) if not (folder / link).exists()]


def test_howto_lists_its_pages() -> None:
    folder = REPOSITORY / "docs/howto"
    listed = set(LINK.findall((folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert len(listed) == 7
