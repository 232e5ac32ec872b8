"""The pages that say where things are name files that exist."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.repository import REPOSITORY

# What a decision names may be gone by now, and so may what a change was about.
HISTORY = ("docs/decisions/", "CHANGELOG.md")
_LISTED = subprocess.run(
    ["git", "ls-files", "*.md"], cwd=REPOSITORY, check=True, capture_output=True, text=True
)
PAGES = [page for page in _LISTED.stdout.splitlines() if not page.startswith(HISTORY)]
# A path in backticks; `<service>` in it stands for any name.
PATH = re.compile(r"`((?:[\w.<>-]+/)+[\w.<>-]*)`")
PLACEHOLDER = re.compile(r"<\w+>")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def _missing(text: str, folder: Path) -> list[str]:
    """The paths in a page of `folder` that name nothing: from the repository's root or from that folder, if
    they begin with a name that is there."""
    roots = {entry.name: at for at in (REPOSITORY, folder) for entry in at.iterdir()}
    paths = [path for path in PATH.findall(text) if path.split("/")[0] in roots]
    missing = [
        path
        for path in paths
        if not any(roots[path.split("/")[0]].glob(PLACEHOLDER.sub("*", path.rstrip("/"))))
    ]
    return missing + [link for link in LINK.findall(text) if not (folder / link).exists()]


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_a_page_names_exist(page: str) -> None:
    file = REPOSITORY / page
    assert _missing(file.read_text(), file.parent) == []


def test_a_path_that_names_nothing_is_found() -> None:
    text = (
        "`deploy/k8s/base/settings.yaml` `deploy/k8s/gone.yaml` `services/<service>/jobs.py` "
        "`services/<service>/gone.py` `intake/pipeline.py` `intake/gone.py` `tests/gone/` "
        "`application/json` [here](README.md) [gone](gone.md)"
    )
    assert _missing(text, REPOSITORY / "services" / "ingest") == [
        *("deploy/k8s/gone.yaml", "services/<service>/gone.py", "intake/gone.py", "tests/gone/"),
        "gone.md",
    ]


def test_howto_lists_its_pages() -> None:
    folder = REPOSITORY / "docs/howto"
    listed = set(LINK.findall((folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert len(listed) == 7
