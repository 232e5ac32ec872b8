"""A service whose background loop ends by itself ends too, as failed, and names the loop."""

import subprocess
import sys

import orjson
import pytest

from tests.support.environment import of_a_lone_service
from tests.support.repository import REPOSITORY

PROGRAM = """
import os, signal, sys
from sqlalchemy import MetaData
from libs.rpc.process import ServiceParts, main
from libs.runtime.catalog_reload import open_catalogs
from libs.runtime.loops import Loop
from libs.runtime.settings import CommonSettings

async def wait(stop):
    await stop.wait()

async def end(stop):
    if sys.argv[1] == "raise":
        raise ValueError("canary")
    if sys.argv[1] == "stop":
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()

async def build(settings, stack):
    loops = [Loop("wait", wait), Loop("end", end)]
    return ServiceParts([], open_catalogs(settings), MetaData(), loops)

main("test", CommonSettings, build)
"""


@pytest.mark.parametrize(
    ("how", "code", "failed"),
    [
        ("stop", 0, []),
        ("return", 1, [("end", "LoopReturnedError")]),
        ("raise", 1, [("end", "ValueError")]),
    ],
)
def test_only_a_stop_ends_loops_in_order(how: str, code: int, failed: list[object]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        env=of_a_lone_service(REPOSITORY / "catalogs"),
        cwd=REPOSITORY,
        capture_output=True,
        timeout=60,
    )
    lines = [orjson.loads(line) for line in run.stderr.splitlines()]
    assert run.returncode == code
    assert [
        (line["loop"], line["error"])
        for line in lines
        if line["event"] == "a background loop failed"
    ] == failed
    assert lines[-1]["event"] == ("died" if failed else "stopped")
    assert b"canary" not in run.stderr
