"""Ctrl-C and the other signals that end a command, for commands that have a suite to stop."""

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console


class Interruption:
    """Whether the user wants the command to end."""

    def __init__(self) -> None:
        # Not a threading.Event: the handler may come while this very thread holds the event's lock.
        self._wanted = False

    def is_wanted(self) -> bool:
        """True from the first signal on."""
        return self._wanted

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """A signal handler: takes note, and raises KeyboardInterrupt; for a closed terminal, only once."""
        # A terminal closes once, but the kernel and the shell both send the signal: the second one does
        # not mean that the user wants to leave at once.
        if self._wanted and signum == signal.SIGHUP:
            return
        self._wanted = True
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """SIGTERM and a closed terminal do what Ctrl-C does: they raise KeyboardInterrupt.

    A loop that runs until it is interrupted also asks `is_wanted`: Python drops an exception that is
    raised inside a destructor, and the garbage collector may run one, a gRPC channel's, at any point.
    """
    interruption = Interruption()
    before = {
        number: signal.signal(number, interruption.handle)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell(console: Console, line: str, style: str | None = None) -> None:
    """Prints a line, and never raises if the terminal or pipe is closed: a suite that says what it stops
    must stop it all the same."""
    try:
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
    except SystemExit:  # rich's answer to a pipe of which the other end is closed
        _discard(console)
    except OSError as error:
        if error.errno == errno.EIO:  # a terminal that is closed
            _discard(console)


def _discard(console: Console) -> None:
    """Sends all further output nowhere; also what Python has in its buffer, and would complain about at
    the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, console.file.fileno())
    os.close(nowhere)
