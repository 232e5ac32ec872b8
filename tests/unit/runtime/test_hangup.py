"""SIGHUP while a service starts is not lost, although its catalogs have been read already."""

import subprocess
import sys
from pathlib import Path

from tests.support.environment import of_a_lone_service
from tests.support.repository import REPOSITORY

# Ends by itself when the catalogs have been read again.
PROGRAM = """
import asyncio, os, signal
from sqlalchemy import MetaData
from libs.rpc.process import ServiceParts, main
from libs.runtime.catalog_reload import open_catalogs
from libs.runtime.loops import Loop
from libs.runtime.settings import CommonSettings

async def build(settings, stack):
    reload = open_catalogs(settings)
    before = reload.catalogs.current.version
    (settings.catalogs / "gamelaunch.yaml").unlink()
    os.kill(os.getpid(), signal.SIGHUP)
    # The loop comes to its signals.
    for _ in range(3):
        await asyncio.sleep(0)

    async def watch(stop):
        while reload.catalogs.current.version == before:
            await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()

    return ServiceParts([], reload, MetaData(), [Loop("watch", watch)])

main("test", CommonSettings, build)
"""


def test_a_hangup_during_the_start_has_the_catalogs_read_again(tmp_path: Path) -> None:
    for catalog in (REPOSITORY / "catalogs").glob("*.yaml"):
        (tmp_path / catalog.name).write_bytes(catalog.read_bytes())
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=of_a_lone_service(tmp_path),
        cwd=REPOSITORY,
        capture_output=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert b"new catalogs" in run.stderr
