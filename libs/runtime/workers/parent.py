"""The parent of a service's workers: starts them, hands signals on, replaces those that die."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from libs.common.errors import ConfigurationError
from libs.runtime.exit_status import exit_words
from libs.runtime.logs import configure_logs
from libs.runtime.metrics_page import metrics_page
from libs.runtime.settings import CommonSettings
from libs.runtime.workers.shared_metrics import SharedMetrics, forget_gauges, keeping_metrics_in
from libs.runtime.workers.shared_port import shared_port
from libs.runtime.workers.worker import worker_arguments

log = structlog.get_logger()
# So many deaths within so long have one cause, which another process would not cure.
_MOST_DEATHS = 3
_DEATHS_SECONDS = 60.0


def run_workers(name: str, module: str, settings: CommonSettings, count: int) -> None:
    """Runs `count` processes `python -m module` that take calls on one port, until SIGTERM or SIGINT; returns
    after an orderly drain of all of them.

    Raises ConfigurationError if a port cannot be taken, SystemExit(1) if the workers cannot go on.
    """
    configure_logs(name, settings.log_level)
    with ExitStack() as stack:
        port = stack.enter_context(shared_port(settings.host, settings.port))
        folder = Path(
            stack.enter_context(
                TemporaryDirectory(prefix=f"weir-{name}-", ignore_cleanup_errors=True)
            )
        )
        try:
            stack.enter_context(
                metrics_page(settings.host, settings.metrics_port, SharedMetrics(folder))
            )
        except OSError as error:
            raise ConfigurationError(
                f"port {settings.metrics_port} of {settings.host} cannot be taken: {error.strerror}"
            ) from None
        parent = WorkerParent(module, port, folder)
        log.info("starting workers", workers=count, port=port, metrics_port=settings.metrics_port)
        if not asyncio.run(parent.run(count)):
            raise SystemExit(1)
        log.info("stopped")


@dataclass
class _Running:
    """A worker's process. A SIGHUP would end one that does not serve yet; it is remembered and sent later."""

    process: asyncio.subprocess.Process
    serving: bool = False
    hangup: bool = False

    def send(self, signum: signal.Signals) -> None:
        """Sends a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signum)


class WorkerParent:
    """Keeps workers of `module` running at a port, with the files of their metrics in `folder`.

    A worker that ends is replaced. If it ends before any has served, or is the third within a minute, all
    end: a new process would not help then, and what runs the service has to see it.
    """

    def __init__(self, module: str, port: int, folder: Path) -> None:
        self._module = module
        self._port = port
        self._folder = folder
        self._running: dict[int, _Running] = {}
        self._deaths = deque[float](maxlen=_MOST_DEATHS)
        self._stop = asyncio.Event()
        self._has_served = False
        self._failed = False

    async def run(self, count: int) -> bool:
        """Runs workers until a signal, or until they cannot go on. Whether all ended in good order."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._drain())
            # The first one alone: what keeps all of them from starting is said once.
            begun = asyncio.Event()
            tasks.create_task(self._keep(1, begun))
            await begun.wait()
            for number in range(2, count + 1):
                tasks.create_task(self._keep(number, asyncio.Event()))
        return not self._failed

    async def _keep(self, number: int, begun: asyncio.Event) -> None:
        """Runs the worker of this number, again and again; sets `begun` when it first serves, or stops."""
        while not self._stop.is_set():
            connection, of_worker = socket.socketpair()
            with connection:
                with of_worker:
                    running = await self._start(number, of_worker)
                await self._wait_until_serving(number, running, connection)
                if running.serving:
                    begun.set()
                status = await running.process.wait()
            del self._running[number]
            forget_gauges(running.process.pid, self._folder)
            self._judge(number, running, status)
        begun.set()

    async def _start(self, number: int, connection: socket.socket) -> _Running:
        process = await asyncio.create_subprocess_exec(
            # -P: a folder named `services` in the working directory is not ours.
            *(sys.executable, "-P", "-m", self._module),
            *worker_arguments(number, self._port, connection),
            env={**os.environ, **keeping_metrics_in(self._folder)},
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[connection.fileno()],
            # Ctrl-C in a terminal reaches the parent alone, which stops them.
            start_new_session=True,
        )
        running = self._running[number] = _Running(process)
        if self._stop.is_set():  # meanwhile
            running.send(signal.SIGTERM)
        return running

    async def _wait_until_serving(
        self, number: int, running: _Running, connection: socket.socket
    ) -> None:
        """Returns when the worker serves, or has ended before."""
        connection.setblocking(False)
        with contextlib.suppress(ConnectionResetError):
            running.serving = bool(await asyncio.get_running_loop().sock_recv(connection, 1))
        if running.serving:
            self._has_served = True
            log.info("a worker serves", worker=number, pid=running.process.pid)
        if running.hangup and running.serving:
            running.send(signal.SIGHUP)

    def _judge(self, number: int, running: _Running, status: int) -> None:
        """Decides what follows from the end of a worker."""
        ending = {
            "worker": number,
            "pid": running.process.pid,
            "ended": exit_words(status),
            "served": running.serving,
        }
        if self._stop.is_set():
            # SIGTERM ends a process that has not come to handle it.
            if status not in (0, -signal.SIGTERM):
                log.error("a worker did not stop in good order", **ending)
                self._failed = True
            return
        self._deaths.append(time.monotonic())
        if not self._has_served:
            log.critical("the first worker ended before it served", **ending)
        elif (
            len(self._deaths) == _MOST_DEATHS
            and self._deaths[-1] - self._deaths[0] < _DEATHS_SECONDS
        ):
            log.critical("workers keep ending, so all end", **ending)
        else:
            log.error("a worker ended, and another one takes its place", **ending)
            return
        self._failed = True
        self._stop.set()

    async def _drain(self) -> None:
        await self._stop.wait()
        log.info("draining")
        for running in self._running.values():
            running.send(signal.SIGTERM)

    def _hang_up(self) -> None:
        for running in self._running.values():
            if running.serving:
                running.send(signal.SIGHUP)
            else:
                running.hangup = True
