"""Snapshots: what makes two of them equal, what they share, and what can be changed in them."""

import shutil
from pathlib import Path

import pytest

from libs.catalog import Catalog, CatalogError, Snapshot, folder_marks, load_snapshot
from tests.support.small_catalog import SMALL, small

GO = SMALL.replace("app_id: chess", "app_id: go").replace("title: Chess", "title: Go")


def count_events(catalog: Catalog) -> list[str]:
    return list(catalog.events)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogs"
    folder.mkdir()
    (folder / "chess.yaml").write_text(SMALL)
    (folder / "go.yaml").write_text(GO)
    return folder


def test_a_snapshot_has_the_apps_of_the_folder(folder: Path) -> None:
    snapshot = load_snapshot(folder, loaded_at_us=7)
    assert list(snapshot.catalogs) == ["chess", "go"]
    assert snapshot.catalogs["go"].title == "Go"
    assert snapshot.loaded_at_us == 7


def test_the_same_files_have_the_same_version_anywhere(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    (copy / "notes.txt").write_text("not a catalog")
    assert load_snapshot(copy).version == load_snapshot(folder, loaded_at_us=7).version


def test_the_version_is_worked_out_from_names_and_contents(tmp_path: Path) -> None:
    # By hand: SHA-256 over (length as 8 bytes, bytes) of name and content, and of that digest again.
    import hashlib

    def digest(*parts: bytes) -> bytes:
        return hashlib.sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).digest()

    (tmp_path / "chess.yaml").write_text(SMALL)
    expected = digest(digest(b"chess.yaml", SMALL.encode())).hex()[:12]
    assert load_snapshot(tmp_path).version == expected


@pytest.mark.parametrize("change", ["comment", "new file", "gone file"])
def test_any_change_of_a_file_changes_the_version(folder: Path, change: str) -> None:
    before = load_snapshot(folder).version
    match change:
        case "comment":
            (folder / "go.yaml").write_text(GO + "# later\n")
        case "new file":
            (folder / "shogi.yaml").write_text(GO.replace("app_id: go", "app_id: shogi"))
        case "gone file":
            (folder / "go.yaml").unlink()
    assert load_snapshot(folder).version != before


def test_a_snapshot_cannot_be_changed(folder: Path) -> None:
    snapshot = load_snapshot(folder)
    with pytest.raises(TypeError):
        snapshot.catalogs["shogi"] = small()  # type: ignore[index]
    with pytest.raises(TypeError):
        del snapshot.entries["go"]  # type: ignore[attr-defined]
    (folder / "go.yaml").unlink()
    assert list(load_snapshot(folder, previous=snapshot).catalogs) == ["chess"]
    assert list(snapshot.catalogs) == ["chess", "go"]


def test_unchanged_catalogs_are_not_compiled_again(folder: Path) -> None:
    before = load_snapshot(folder)
    (folder / "go.yaml").write_text(GO.replace("title: Go", "title: Baduk"))
    after = load_snapshot(folder, previous=before)
    assert after.catalogs["chess"] is before.catalogs["chess"]
    assert (before.catalogs["go"].title, after.catalogs["go"].title) == ("Go", "Baduk")


def test_what_is_derived_is_derived_once_for_each_catalog(folder: Path) -> None:
    before = load_snapshot(folder)
    of_chess, of_go = before.derived("chess", count_events), before.derived("go", count_events)
    assert before.derived("chess", count_events) is of_chess
    (folder / "go.yaml").write_text(GO.replace("  club.joined:\n    category: play\n", ""))
    after = load_snapshot(folder, previous=before)
    assert after.derived("chess", count_events) is of_chess
    assert (of_go, after.derived("go", count_events)) == (
        ["game.started", "game.ended", "club.joined"],
        ["game.started", "game.ended"],
    )
    with pytest.raises(KeyError):
        after.derived("shogi", count_events)


def test_a_broken_file_breaks_the_snapshot(folder: Path) -> None:
    before = load_snapshot(folder)
    (folder / "go.yaml").write_text(GO[: GO.index("game.ended") + 5])
    (folder / "shogi.yaml").write_bytes(b"\xff")
    with pytest.raises(CatalogError) as caught:
        load_snapshot(folder, previous=before)
    assert {Path(problem.file).name for problem in caught.value.problems} == {
        "go.yaml",
        "shogi.yaml",
    }


def test_catalogs_without_a_folder_make_a_snapshot_too() -> None:
    assert list(Snapshot.of(small()).catalogs) == ["chess"]


class TestFolderMarks:
    def test_they_are_equal_while_nothing_changes(self, folder: Path) -> None:
        assert folder_marks(folder) == folder_marks(folder)

    def test_a_folder_that_is_not_there_has_none(self, tmp_path: Path) -> None:
        assert folder_marks(tmp_path / "gone") == ()

    def test_a_file_of_the_same_size_is_another(self, folder: Path) -> None:
        before = folder_marks(folder)
        replacement = folder.parent / "replacement"
        replacement.write_text(GO.replace("title: Go", "title: Og"))
        replacement.rename(folder / "go.yaml")
        assert folder_marks(folder) != before

    def test_a_turned_link_is_another_folder(self, tmp_path: Path) -> None:
        # As Kubernetes mounts a ConfigMap: `go.yaml` -> `..data/go.yaml`, `..data` -> a folder.
        for version in ("1", "2"):
            (tmp_path / version).mkdir()
            (tmp_path / version / "go.yaml").write_text(GO)
        mount = tmp_path / "mount"
        mount.mkdir()
        (mount / "..data").symlink_to(tmp_path / "1")
        (mount / "go.yaml").symlink_to("..data/go.yaml")
        before = folder_marks(mount)
        (mount / "..new").symlink_to(tmp_path / "2")
        (mount / "..new").rename(mount / "..data")
        assert folder_marks(mount) != before
        assert [mark.name for mark in before] == ["go.yaml"]
