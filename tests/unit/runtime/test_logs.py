"""A log line is one JSON object, and an exception's values stay out of it."""

import subprocess
import sys

import orjson

from tests.support.environment import without_settings

PROGRAM = """
import logging
import structlog
from libs.runtime.logs import configure_logs

configure_logs("test", "INFO")
log = structlog.get_logger()

def fail():
    try:
        raise KeyError("canary@example.org")
    except KeyError as error:
        raise ValueError("Key (subject_id)=(canary@example.org)") from error

log.info("line\\nbreak \\x1b[31m", name='{"a": 1}')
try:
    fail()
except ValueError:
    log.error("unexpected", exc_info=True)
    logging.getLogger("asyncio").exception("from the library")
log.debug("not shown")
"""


def test_lines() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, check=True, timeout=60
    )
    lines = run.stderr.splitlines()
    first, ours, library = (orjson.loads(line) for line in lines)
    assert (first["event"], first["name"]) == ("line\nbreak \x1b[31m", '{"a": 1}')
    assert (first["service"], first["level"]) == ("test", "info")
    for record in (ours, library):
        text = "\n".join(record["exception"])
        assert "builtins.ValueError" in text
        assert "builtins.KeyError" in text
        assert "in fail" in text
    assert b"canary" not in run.stderr


DYING = """
from libs.rpc.process import main
from libs.runtime.settings import CommonSettings

async def build(settings, stack):
    raise ValueError("Key (subject_id)=(canary@example.org)")

main("test", CommonSettings, build)
"""


def test_a_service_that_dies_says_so_in_one_line_without_values() -> None:
    settings = {
        "WEIR_ENVIRONMENT": "development",
        "WEIR_DATABASE_URL": "postgresql://unknown@127.0.0.1:1/none",
        "WEIR_REDIS_URL": "redis://127.0.0.1:1",
    }
    run = subprocess.run(
        [sys.executable, "-c", DYING],
        capture_output=True,
        timeout=60,
        env={**without_settings(), **settings},
        check=False,
    )
    assert run.returncode == 1
    [line] = run.stderr.splitlines()
    assert orjson.loads(line)["event"] == "died"
    assert b"canary" not in run.stderr + run.stdout


def test_settings_that_will_not_do_are_told_in_one_line() -> None:
    run = subprocess.run(
        [sys.executable, "-c", DYING],
        capture_output=True,
        timeout=60,
        env={**without_settings(), "WEIR_PORT": "abc"},
        check=False,
    )
    assert run.returncode == 1
    [line] = run.stderr.decode().splitlines()
    assert line.startswith("test cannot start: WEIR_PORT: ")
