"""What all servers that run as child processes have in common: ports, log, start, stop, kill."""

import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from libs.runtime.exit_status import exit_words
from suite.embedded.ports import Reservation, can_bind, reserve_port
from suite.embedded.process import (
    StartError,
    kill_child,
    log_size,
    log_tail,
    rotate_log,
    stop_child,
)

_BIND_ATTEMPTS = 20
_POLL_SECONDS = 0.02


class ChildServer(ABC):
    """A server as a child process that is ready once `_is_ready` says so.

    `ports` are wishes: taken ones are stepped over at the first start, and then kept until `stop`.
    A server without ports listens on a Unix socket. Start it from a thread that lives as long as
    the server (see `start_child`).
    """

    def __init__(
        self,
        title: str,
        log: Path,
        ports: Sequence[int],
        *,
        stop_signal: signal.Signals,
        start_seconds: float,
        stop_seconds: float,
    ) -> None:
        self.title = title
        self.log = log
        self._ports = list(ports)
        self._reservations: list[Reservation] = []
        self._stop_signal = stop_signal
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def port(self) -> int:
        """The port in use; before the first start, the port wished for. Raises StartError if the
        server listens on a Unix socket."""
        if self.on_socket:
            raise StartError(f"{self.title} listens on a Unix socket")
        return self._ports[0]

    @property
    def on_socket(self) -> bool:
        """Whether it listens on a Unix socket and not on a port."""
        return not self._ports

    @property
    @abstractmethod
    def url(self) -> str:
        """How a client names the server."""

    @property
    def pid(self) -> int:
        """The process id. Raises StartError if the server was not started, or killed."""
        if self._process is None:
            raise StartError(f"{self.title} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process that was started is alive."""
        return self._process is not None and self._process.poll() is None

    def reserve(self) -> None:
        """Picks free ports, if it has none yet: from then on `port` is where it listens. Raises OSError if
        there are none."""
        if not self._reservations:
            self._reservations = [reserve_port(port) for port in self._ports]
            self._ports = [held.port for held in self._reservations]

    def start(self) -> str:
        """Starts the server if it does not run, and returns `url` once it is ready.

        Raises StartError, with the end of the log.
        """
        self.begin()
        return self.wait_until_ready()

    def begin(self) -> None:
        """Starts the process, unless it runs, and does not wait for it. Raises StartError."""
        if self.running:
            return
        self._process = None
        try:
            self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            rotate_log(self.log)
            self._prepare()
            self.reserve()
            self._log_start = log_size(self.log)
            self._process = self._launch()
        except OSError as error:
            self._release()
            raise StartError(f"{self.title} did not start: {error}") from error
        except BaseException:
            self._release()
            raise

    def wait_until_ready(self) -> str:
        """Waits for what `begin` started.

        If another process took a port between picking and binding it, the next one is tried.
        """
        for _ in range(_BIND_ATTEMPTS):
            if self._wait():
                self._complete()
                return self.url
            if all(can_bind(port) for port in self._ports):
                break
            self._end()
            self._release()
            self.begin()
        ending, words = self.exit_description(), self.log_tail()
        self.stop()
        raise StartError(f"{self.title} did not start ({ending}); the end of {self.log}:\n{words}")

    def stop(self) -> None:
        """Asks the server to end in good order, and kills it if it takes too long."""
        try:
            self._end()
        finally:
            self._release()

    def restart(self) -> str:
        """`stop` and `start` without giving the ports away in between."""
        self._end()
        return self.start()

    def kill(self) -> None:
        """SIGKILL to all of the server's processes, as a crash would; `start` comes back."""
        if self._process is not None:
            kill_child(self._process)
            self._process = None

    def exit_description(self) -> str:
        """How the process ended, for people: `exit status 1`, `killed by SIGKILL`."""
        if self._process is None:
            return "not started"
        status = self._process.poll()
        if status is None:
            return f"not ready after {self._start_seconds:g} s"
        return exit_words(status)

    def log_tail(self) -> str:
        """The end of what it wrote since its last start."""
        return log_tail(self.log, start=self._log_start)

    def _prepare(self) -> None:  # noqa: B027 - most servers need nothing
        """What must be there before the process is started."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]:
        """Starts the process on the ports reserved."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether it is this server, and no other at its port, that answers."""

    def _complete(self) -> None:  # noqa: B027 - most servers need nothing
        """What is left to do once the server answers."""

    def _wait(self) -> bool:
        deadline = time.monotonic() + self._start_seconds
        while self.running and time.monotonic() < deadline:
            if self._is_ready() and self.running:
                return True
            time.sleep(_POLL_SECONDS)
        return False

    def _end(self) -> None:
        if self._process is not None:
            stop_child(self._process, signal_=self._stop_signal, grace_seconds=self._stop_seconds)
            self._process = None

    def _release(self) -> None:
        for reservation in self._reservations:
            reservation.release()
        self._reservations = []
