"""The `weir` command as a user has it: another process, with nothing but the environment."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.environment import without_settings
from tests.support.repository import REPOSITORY


def weir(
    home: Path, *arguments: str, stdin: bytes = b"", timeout_seconds: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Runs `weir` with WEIR_HOME, in the repository; standard output and error as text."""
    finished = subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env={**without_settings(), "WEIR_HOME": str(home)},
        cwd=REPOSITORY,
        input=stdin,
        capture_output=True,
        timeout=timeout_seconds,
        check=False,
    )
    return subprocess.CompletedProcess(
        finished.args, finished.returncode, finished.stdout.decode(), finished.stderr.decode()
    )


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A process in the repository that does not outlive the block; both outputs in one pipe, unless the
    options of Popen say otherwise. It can be interrupted, also if the tests run in the background of a
    shell, where SIGINT is ignored."""
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    # An ignored signal stays ignored in a child, one with a handler gets its default.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            command, env=environment, cwd=REPOSITORY, text=True, **{**outputs, **options}
        )
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """What a process writes to its pipe, to the line with `words`; the pipe stays open."""
    assert process.stdout is not None
    said = ""
    while words not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said
