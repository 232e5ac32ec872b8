"""A service's catalogs follow their folder: on request and by looking, whole or not at all."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from libs.catalog import CatalogError, load_snapshot
from libs.common.errors import ConfigurationError
from libs.runtime.catalog_reload import CatalogReload, open_catalogs
from libs.runtime.settings import CommonSettings
from tests.support.small_catalog import SMALL
from tests.support.waiting import until

# Short, so that no test waits long for the next look at the folder.
POLL_SECONDS = 0.05
NEW_EVENT = "  game.resigned:\n    category: play\n"
BROKEN = SMALL.replace("category: play", "category: plya", 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogs"
    folder.mkdir()
    (folder / "chess.yaml").write_text(SMALL)
    return folder


@asynccontextmanager
async def kept(folder: Path, poll_seconds: float = POLL_SECONDS) -> AsyncIterator[CatalogReload]:
    reload = CatalogReload(folder, poll_seconds)
    stop = asyncio.Event()
    running = asyncio.create_task(reload.run(stop))
    try:
        yield reload
    finally:
        stop.set()
        await running


def events(reload: CatalogReload) -> set[str]:
    return set(reload.catalogs.current.catalogs["chess"].events)


def replace(file: Path, text: str) -> None:
    """As a person should: in one step."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def move(file: Path, to: Path) -> None:
    file.rename(to)


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


async def test_a_changed_file_takes_effect(folder: Path) -> None:
    async with kept(folder) as reload:
        before = reload.catalogs.current
        replace(folder / "chess.yaml", SMALL + NEW_EVENT)
        await until(lambda: reload.catalogs.current is not before)
        assert events(reload) == {"game.started", "game.ended", "club.joined", "game.resigned"}
        assert "game.resigned" not in before.catalogs["chess"].events


async def test_a_new_app_takes_effect_and_a_removed_one_goes(folder: Path) -> None:
    async with kept(folder) as reload:
        replace(folder / "go.yaml", SMALL.replace("app_id: chess", "app_id: go"))
        await until(lambda: set(reload.catalogs.current.catalogs) == {"chess", "go"})
        (folder / "chess.yaml").unlink()
        await until(lambda: set(reload.catalogs.current.catalogs) == {"go"})


async def test_a_turned_link_takes_effect(tmp_path: Path) -> None:
    for version, text in (("1", SMALL), ("2", SMALL + NEW_EVENT)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "chess.yaml").write_text(text)
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "..data").symlink_to(tmp_path / "1")
    (mount / "chess.yaml").symlink_to("..data/chess.yaml")
    async with kept(mount) as reload:
        (mount / "..new").symlink_to(tmp_path / "2")
        (mount / "..new").rename(mount / "..data")
        await until(lambda: "game.resigned" in events(reload))


async def test_a_request_reads_files_that_seem_unchanged(folder: Path) -> None:
    file = folder / "chess.yaml"
    async with kept(folder, poll_seconds=0) as reload:
        status = file.stat()
        # The same file, of the same size and time.
        file.write_text(SMALL.replace("title: Chess", "title: Xiang"))
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert not await reload.refresh()
        reload.request()
        await until(lambda: reload.catalogs.current.catalogs["chess"].title == "Xiang")


async def test_a_broken_catalog_is_refused_with_its_reasons(folder: Path) -> None:
    replace(folder / "chess.yaml", BROKEN)
    with pytest.raises(CatalogError) as caught:
        load_snapshot(folder)
    replace(folder / "chess.yaml", SMALL)
    async with kept(folder) as reload:
        before, failures = reload.catalogs.current, sample("weir_catalog_reload_failures_total")
        assert failures is not None
        with capture_logs() as logs:
            replace(folder / "chess.yaml", BROKEN)
            await until(lambda: sample("weir_catalog_broken") == 1)
            # Several looks at the same files later, every reason has been said once.
            for _ in range(3):
                await reload.refresh()
        assert reload.catalogs.current is before
        assert sample("weir_catalog_reload_failures_total") == failures + 1
        assert [
            (line["file"], line["line"], line["reason"])
            for line in logs
            if line["event"] == "a catalog is broken"
        ] == [(problem.file, problem.line, problem.reason) for problem in caught.value.problems]
        replace(folder / "chess.yaml", SMALL + NEW_EVENT)
        await until(lambda: "game.resigned" in events(reload))
        assert sample("weir_catalog_broken") == 0


async def test_the_old_catalog_again_is_no_longer_broken(folder: Path) -> None:
    async with kept(folder) as reload:
        before = reload.catalogs.current
        replace(folder / "chess.yaml", BROKEN)
        await until(lambda: sample("weir_catalog_broken") == 1)
        replace(folder / "chess.yaml", SMALL)
        await until(lambda: sample("weir_catalog_broken") == 0)
        assert reload.catalogs.current is before


async def test_a_folder_that_is_gone_changes_nothing(folder: Path) -> None:
    async with kept(folder) as reload:
        move(folder, folder.with_name("away"))
        await until(lambda: sample("weir_catalog_broken") == 1)
        assert "game.ended" in events(reload)


async def test_a_file_that_is_being_written_is_not_read(folder: Path) -> None:
    """The half that is there at first is a catalog too, with fewer events."""
    file, whole = folder / "chess.yaml", SMALL + NEW_EVENT
    half = whole[: whole.index("  club.joined")]
    rest = [whole[len(half) :]]

    async def write_on(_: float) -> None:
        """What happens between two looks."""
        if rest:
            with file.open("a") as open_file:
                open_file.write(rest.pop())

    reload = CatalogReload(folder, POLL_SECONDS, sleep=write_on)
    file.write_text(half)
    assert not await reload.refresh()
    assert events(reload) == {"game.started", "game.ended", "club.joined"}
    assert await reload.refresh()
    assert events(reload) == {"game.started", "game.ended", "club.joined", "game.resigned"}
    assert not await reload.refresh()


async def test_the_version_in_use_is_a_metric(folder: Path) -> None:
    async with kept(folder) as reload:
        before = reload.catalogs.current.version
        assert sample("weir_catalog_info", version=before) == 1
        assert sample("weir_catalog_apps") == 1
        replace(folder / "go.yaml", SMALL.replace("app_id: chess", "app_id: go"))
        await until(lambda: reload.catalogs.current.version != before)
        assert sample("weir_catalog_info", version=before) is None
        assert sample("weir_catalog_info", version=load_snapshot(folder).version) == 1
        assert sample("weir_catalog_apps") == 2
        loaded = sample("weir_catalog_loaded_timestamp_seconds")
        assert loaded == reload.catalogs.current.loaded_at_us / 1e6


def test_a_service_does_not_start_with_broken_catalogs(folder: Path) -> None:
    (folder / "chess.yaml").write_text(BROKEN)
    with pytest.raises(
        ConfigurationError, match=r"chess\.yaml:11: events\.game\.started\.category"
    ):
        open_catalogs(CommonSettings(catalogs=folder))
