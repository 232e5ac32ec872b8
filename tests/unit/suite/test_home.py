"""Who may look into a suite's folder."""

import os
import stat
from pathlib import Path

import pytest

from suite.home import Home, HomeError


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o705])
def test_an_empty_folder_that_others_can_look_into_becomes_private(
    tmp_path: Path, mode: int
) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(mode)
    with Home(folder).lock():
        assert _mode(folder) == 0o700


def test_the_home_of_an_earlier_suite_becomes_private_with_what_it_holds(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.lock():
        home.secret("token")
    home.path.chmod(0o755)
    with home.lock():
        assert _mode(home.path) == 0o700


def test_a_private_folder_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "notes").touch()
    tmp_path.chmod(0o500 if os.geteuid() == 0 else 0o700)
    before = _mode(tmp_path)
    with Home(tmp_path).lock():
        assert _mode(tmp_path) == before
    tmp_path.chmod(0o700)


@pytest.mark.parametrize(("mode", "content"), [(0o755, "index.html"), (0o1777, "weir.lock")])
def test_a_folder_that_is_meant_for_others_is_refused_and_left_as_it_is(
    tmp_path: Path, mode: int, content: str
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / content).touch()
    folder.chmod(mode)
    refused = pytest.raises(HomeError, match=r"others can look into .*shared.*WEIR_HOME.*chmod 700")
    with refused, Home(folder).lock():
        pass
    assert _mode(folder) == mode
    assert [entry.name for entry in folder.iterdir()] == [content]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders to others")
def test_the_folder_of_another_user_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(0o755)
    os.chown(folder, 65534, 65534)
    with Home(folder).lock():
        assert _mode(folder) == 0o755
