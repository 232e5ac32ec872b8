"""The `weir` command as a user has it: with nothing but its arguments and the environment."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from cli.main import app
from tests.support.environment import is_setting, without_settings
from tests.support.repository import REPOSITORY


def weir(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs `weir` with WEIR_HOME and these settings, in the repository; standard output and error as text.

    Inside this process: a process of its own costs a second of CPU for imports alone. An exception that
    the command does not handle, of which a user would see the traceback, is raised here.
    """
    environment: dict[str, str | None] = dict.fromkeys(filter(is_setting, os.environ))
    environment |= {"WEIR_HOME": str(home), **settings}
    with chdir(REPOSITORY):
        result = CliRunner().invoke(app, arguments, env=environment, catch_exceptions=False)
    return subprocess.CompletedProcess(
        ["weir", *arguments], result.exit_code, result.stdout, result.stderr
    )


def weir_process(
    home: Path, *arguments: str, stdin: bytes = b"", timeout_seconds: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """`weir` as a process of its own, which has a real standard input and can be seen by others."""
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
