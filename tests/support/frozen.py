"""Servers that hang: they take connections, and answer nothing."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """All processes of a server stand still inside the block."""
    server = psutil.Process(pid)
    processes = [server, *server.children(recursive=True)]
    try:
        for process in processes:
            os.kill(process.pid, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGCONT)
