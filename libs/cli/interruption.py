"""Ctrl-C and its kin, for commands that have a suite to stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether the user wants the command to end."""

    def __init__(self) -> None:
        # Not a threading.Event: the handler may come while this very thread holds the event's lock.
        self._wanted = False

    def is_wanted(self) -> bool:
        """True from the first signal on."""
        return self._wanted

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """A signal handler: takes note, and raises KeyboardInterrupt."""
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
