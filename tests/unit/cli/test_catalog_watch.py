"""What `weir up` says when the files of its catalogs change."""

from pathlib import Path

import pytest

from cli.catalog_folders import REFUSED
from cli.catalog_watch import CatalogWatch
from libs.catalog import load_snapshot
from tests.support.small_catalog import SMALL


class Watched:
    """A folder with one catalog, and what was printed of it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "chess.yaml"
        self.file.write_text(SMALL)
        self.said: list[str] = []
        self.seconds = 0.0
        self.folder = folder
        self._watch = CatalogWatch(
            folder, load_snapshot(folder), self.said.append, lambda: self.seconds
        )

    def lines(self, after: float = 2.0) -> list[str]:
        """What a look says after so many seconds."""
        self.seconds += after
        self.said.clear()
        self._watch.look()
        return list(self.said)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_broken_catalog_is_named_with_its_reason_once(watched: Watched) -> None:
    assert watched.lines() == []
    watched.file.write_text(SMALL.replace("title:", "titel:"))
    # It may still be written to.
    assert watched.lines() == []
    [said] = watched.lines()
    problem, *others, end = said.splitlines()
    assert problem.startswith(f"{watched.file}:")
    assert "titel" in "".join([problem, *others])
    assert end == REFUSED
    assert watched.lines() == []
    watched.file.write_text(f"{SMALL}\n")
    assert watched.lines() == []
    version = load_snapshot(watched.folder).version
    assert watched.lines() == [f"the catalogs have changed, version {version}"]


def test_a_folder_is_not_read_more_often_than_services_do(watched: Watched) -> None:
    watched.file.unlink()
    assert watched.lines(1.9) == []
    assert watched.lines(0.1) == []
    assert watched.lines(1.9) == []
    assert watched.lines(0.1) == [f"{watched.folder}:1: no catalogs (*.yaml) here\n{REFUSED}"]
