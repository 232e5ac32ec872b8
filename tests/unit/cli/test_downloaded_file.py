"""A download gets its name when it is whole, and goes on where it was cut."""

import hashlib
import stat
from pathlib import Path

import pytest

from cli.downloaded_file import DownloadedFile, DownloadError

CONTENT = b"0123456789" * 1_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def test_a_whole_file_gets_its_name_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "ann.zip"
    with DownloadedFile(path) as file:
        file.write(CONTENT)
        assert not path.exists()
        file.finish(DIGEST)
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["ann.zip"]


def test_a_download_that_was_cut_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ann.zip"
    with DownloadedFile(path) as file:
        file.write(CONTENT[:3_333])
    assert not path.exists()
    with DownloadedFile(path) as file:
        assert file.size == 3_333
        file.write(CONTENT[3_333:])
        file.finish(DIGEST)
    assert path.read_bytes() == CONTENT


def test_what_differs_from_the_stored_file_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "ann.zip"
    with DownloadedFile(path) as file:
        file.write(CONTENT[1:])
        with pytest.raises(DownloadError, match="not what the service has stored"):
            file.finish(DIGEST)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "ann.zip"
    path.write_text("mine")
    with pytest.raises(DownloadError, match="exists"):
        DownloadedFile(path)
    assert path.read_text() == "mine"
