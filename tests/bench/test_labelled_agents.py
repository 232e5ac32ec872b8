"""How lists of user agents are read, on small packages made here."""

import io
import tarfile
from pathlib import Path

import pytest

from tests.bench.labelled_agents import Labelled, read_labelled

FIXTURES = """
- user_agent: one
  device: {type: phablet, brand: A}
- user_agent: two
  bot: {name: B}
- user_agent: three
  headers: {sec-ch-ua-mobile: "?0"}
  device: {type: tablet}
- user_agent: four
  device: {type: car browser}
- user_agent: five
  device: {type: ""}
- user_agent: six
  device: {type: wearable}
"""


def package(folder: Path, name: str, text: str) -> Path:
    path = folder / "package.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    return path


def test_matomos_fixtures_are_read_without_those_that_need_client_hints(tmp_path: Path) -> None:
    path = package(tmp_path, "x-1/x/tests/fixtures/upstream/tv.yml", FIXTURES)
    assert read_labelled(path) == [
        Labelled("one", "mobile"),
        Labelled("two", "bot"),
        Labelled("four", "unnamed"),
        Labelled("five", ""),
        Labelled("six", "worn"),
    ]


def test_the_npm_package_of_real_browsers_is_read(tmp_path: Path) -> None:
    text = '[{"userAgent": "one", "deviceCategory": "tablet"}]'
    path = package(tmp_path, "package/dist/user-agents.json", text)
    assert read_labelled(path) == [Labelled("one", "tablet")]


def test_another_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither Matomo's fixtures nor"):
        read_labelled(package(tmp_path, "package/index.js", ""))
    (tmp_path / "page.html").write_text("<html>")
    with pytest.raises(ValueError, match="is no package"):
        read_labelled(tmp_path / "page.html")


def test_what_is_worn_may_be_a_watch_or_a_headset() -> None:
    assert Labelled("", "worn").agrees("vr")
    assert Labelled("", "worn").agrees("watch")
    assert not Labelled("", "worn").agrees("mobile")
    assert Labelled("", "unnamed").agrees("")
