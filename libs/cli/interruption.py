"""Ctrl-C and its kin, for commands that have a suite to stop."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interruption:
    """Whether the user wants the command to end."""

    def __init__(self) -> None:
        # Not a threading.Event: the handler may come while this very thread holds the event's lock.
        self.wanted = False

    def is_wanted(self) -> bool:
        """True from the first signal on, even where the exception it raised was lost."""
        return self.wanted


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """SIGTERM and a closed terminal do what Ctrl-C does: they raise KeyboardInterrupt.

    A loop that runs until it is interrupted also asks the Interruption: an exception is lost that is
    raised in a destructor, such as that of a gRPC channel, which the garbage collector runs anywhere.
    """
    interruption = Interruption()

    def interrupt(signum: int, frame: FrameType | None) -> None:
        interruption.wanted = True
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
