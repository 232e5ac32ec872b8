"""What a process has to know when it is one of several workers of a service."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from libs.runtime.settings import CommonSettings
from libs.runtime.workers.shared_metrics import remove_files_at_exit

log = structlog.get_logger()
SettingsT = TypeVar("SettingsT", bound=CommonSettings)
_SERVING = b"1"


@dataclass(frozen=True)
class Worker:
    """One of a service's workers. Its number, from 1 on, is kept by the process that replaces it.

    `connection` is a socket between worker and parent: the worker says once on it that it serves, and it is
    at its end when the process at the other side has gone, however that ended.
    """

    number: int
    port: int
    connection: socket.socket

    def adapt(self, settings: SettingsT) -> SettingsT:
        """The settings of this process: the port that the parent holds, and no `/metrics` of its own."""
        return settings.model_copy(update={"port": self.port, "metrics_port": 0})

    def report_serving(self) -> None:
        """Says to the parent that calls are taken."""
        # A parent that has gone is noticed by `watch_parent`.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(_SERVING)

    def watch_parent(self, loop: asyncio.AbstractEventLoop, on_gone: Callable[[], None]) -> None:
        """Calls `on_gone` when the parent has gone, and sees to the files that it leaves behind."""

        def ended() -> None:
            loop.remove_reader(self.connection)
            log.warning("the parent of the workers has gone")
            remove_files_at_exit()
            on_gone()

        # The parent sends nothing: there is only the end to read.
        loop.add_reader(self.connection, ended)


def worker_arguments(number: int, port: int, connection: socket.socket) -> list[str]:
    """The command line words that make a process a worker; `this_worker` reads them."""
    return ["worker", str(number), str(port), str(connection.fileno())]


def this_worker(arguments: Sequence[str]) -> Worker | None:
    """The worker that this process is by the words of its command line; None for a whole service."""
    if not arguments or arguments[0] != "worker":
        return None
    number, port, descriptor = map(int, arguments[1:])
    connection = socket.socket(fileno=descriptor)
    connection.setblocking(False)
    return Worker(number, port, connection)
