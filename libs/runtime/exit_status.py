"""How a child process ended, for people."""

import signal


def exit_words(status: int) -> str:
    """`exit status 1`, or `killed by SIGKILL` for the negative number of a signal."""
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"
