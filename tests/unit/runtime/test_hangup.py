"""SIGHUP while a service starts is not lost, although its catalogs have been read already."""

import subprocess
import sys
from pathlib import Path

from tests.support.environment import without_settings
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
    environment = {
        **without_settings(),
        "WEIR_ENVIRONMENT": "development",
        "WEIR_CATALOGS": str(tmp_path),
        "WEIR_CATALOG_POLL_SECONDS": "0",
        "WEIR_PORT": "0",
        "WEIR_METRICS_PORT": "0",
        # Neither answers.
        "WEIR_DATABASE_URL": "postgresql://weir@127.0.0.1:1/weir",
        "WEIR_REDIS_URL": "redis://127.0.0.1:1",
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert b"new catalogs" in run.stderr
