"""What ends a command that has a suite to stop, and what does not."""

import errno
import io
import os
import signal
import sys
from pathlib import Path

import pytest
from rich.console import Console

from cli.interruption import interruptible, tell
from tests.support.waiting import PATIENCE_SECONDS
from tests.support.weir_command import started


def _interrupts(number: signal.Signals) -> bool:
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.parametrize("again", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_closes_once_however_often_it_is_said(again: signal.Signals) -> None:
    with interruptible() as interruption:
        assert not interruption.is_wanted()
        assert _interrupts(signal.SIGHUP)
        assert interruption.is_wanted()
        # While the suite is stopped: the shell's signal, after the kernel's.
        assert not _interrupts(signal.SIGHUP)
        assert _interrupts(again)


def test_a_line_is_told_as_it_is(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w+") as file:
        tell(Console(file=file), "[red]a line[/]", "dim")
        file.seek(0)
        assert file.read() == "[red]a line[/]\n"


class FullOnce(io.StringIO):
    """A file on a disk that is full at first."""

    full = True

    def flush(self) -> None:
        if self.full:
            self.full = False
            self.seek(0)
            self.truncate()
            raise OSError(errno.ENOSPC, "no space")


def test_a_full_disk_silences_nobody_for_good() -> None:
    file = FullOnce()
    console = Console(file=file)
    tell(console, "lost or late")
    tell(console, "shown")
    assert file.getvalue().endswith("shown\n")


def test_a_command_of_a_test_can_be_interrupted_whatever_started_the_tests() -> None:
    handler = "import signal; print(signal.getsignal(signal.SIGINT))"
    # As in the background of a shell.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with started([sys.executable, "-c", handler], os.environ) as process:
            said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert "default_int_handler" in said
