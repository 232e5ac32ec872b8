"""Who may look into a suite's folder, and when a suite runs in it."""

import fcntl
import os
import stat
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from suite.home import Addresses, Home, HomeError, NotRunningError

ADDRESSES = Addresses({}, {}, "", "", "t", os.getpid())


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


def test_a_suite_runs_as_long_as_it_holds_its_folder(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.lock():
        home.write_addresses(ADDRESSES)
        assert home.read_addresses() == ADDRESSES
    # Killed: its addresses are still there, and its pid is that of a process that runs.
    assert home.addresses_file.exists()
    with pytest.raises(NotRunningError):
        home.read_addresses()
    # One that starts has not written its own yet.
    with home.lock(), pytest.raises(NotRunningError):
        home.read_addresses()


def test_addresses_in_a_folder_that_no_suite_ever_held_are_not_believed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.write_addresses(ADDRESSES)
    with pytest.raises(NotRunningError):
        home.read_addresses()


def test_a_command_that_looks_for_a_suite_does_not_keep_one_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    with home.lock():
        pass
    looking = os.open(home.path / "weir.lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    # It has looked by the time that the suite tries again.
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: os.close(looking))
    monkeypatch.setattr("suite.home.time", clock)
    with home.lock():
        home.write_addresses(ADDRESSES)
        assert home.read_addresses() == ADDRESSES
