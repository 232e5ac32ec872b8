"""A log line is one JSON object, and an exception's values stay out of it."""

import subprocess
import sys

import orjson

PROGRAM = """
import logging
import structlog
from libs.common.logs import configure_logs

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
