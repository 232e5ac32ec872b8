"""Redis 6.2 as a child process."""

import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from libs.common.embedded.binaries import redis_binary
from libs.common.embedded.ports import HOST, Reservation, reserve_port
from libs.common.embedded.process import (
    StartError,
    kill_child,
    log_size,
    log_tail,
    rotate_log,
    start_child,
    stop_child,
)

_BIND_ATTEMPTS = 20
# A long append-only file is read at about 100 MB a second.
_START_SECONDS = 300
_STOP_SECONDS = 60

_SETTINGS = {
    # What is acknowledged is on disk: ingest's acks rest on these two.
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "512mb",
    "save": "",
    # A full memory pushes back on producers; it never evicts.
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
}


class RedisServer:
    """A redis-server under `data_dir`, listening on loopback only.

    It has no password: whoever can reach the machine's loopback interface can use it. It is a
    server for development and tests.

    `port` is the port wished for; one that is taken is stepped over, and `self.port` is the port in
    use. `settings` are server settings that replace our own. Start it from a thread that lives as
    long as the server (see `start_child`).
    """

    def __init__(
        self, data_dir: Path, port: int, *, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self.log = self.data_dir / "redis.log"
        self._settings = {**_SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._reservation: Reservation | None = None

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT/0`."""
        return f"redis://{HOST}:{self.port}/0"

    @property
    def pid(self) -> int:
        """The server's process id. Raises StartError where it does not run."""
        if self._process is None:
            raise StartError("Redis is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process that `start` started is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Starts the server and returns `url` once it has read its data and answers.

        Raises StartError.
        """
        if self.running:
            return self.url
        self._process = None
        binary = redis_binary()
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        rotate_log(self.log)
        for _ in range(_BIND_ATTEMPTS):
            log_start = log_size(self.log)
            if self._start_once(binary):
                return self.url
            words = log_tail(self.log, start=log_start)
            self._forget()
            if "Address already in use" not in words:
                raise StartError(f"Redis did not start; the end of {self.log}:\n{words}")
            self.port += 1
        raise StartError(f"Redis found no free port in {_BIND_ATTEMPTS} attempts")

    def stop(self) -> None:
        """An orderly shutdown; SIGTERM does what the SHUTDOWN command does."""
        if self._process is not None:
            try:
                stop_child(self._process, signal_=signal.SIGTERM, grace_seconds=_STOP_SECONDS)
            finally:
                self._forget()

    def kill(self) -> None:
        """SIGKILL, as a crash would; `start` reads back what was acknowledged."""
        if self._process is not None:
            kill_child(self._process)
            self._process = None

    def _start_once(self, binary: Path) -> bool:
        """False if the server ended before it was ready."""
        if self._reservation is None:
            self._reservation = reserve_port(self.port)
            self.port = self._reservation.port
        settings = {
            **self._settings,
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.data_dir),
        }
        self._process = start_child(
            [
                str(binary),
                *(part for name, value in settings.items() for part in (f"--{name}", value)),
            ],
            death_signal=signal.SIGTERM,
            log=self.log,
            cwd=self.data_dir,
        )
        deadline = time.monotonic() + _START_SECONDS
        with Redis(host=HOST, port=self.port, socket_timeout=5) as client:
            while time.monotonic() < deadline:
                if self._process.poll() is not None:
                    return False
                if self._is_ready(client):
                    return True
                time.sleep(0.02)
        self.kill()
        return False

    def _is_ready(self, client: Redis) -> bool:
        try:
            # PING is refused while the append-only file is read. The id tells our server from
            # another one that may answer at this port.
            return bool(client.ping()) and client.info("server")["process_id"] == self.pid
        except (RedisError, OSError):
            return False

    def _forget(self) -> None:
        self._process = None
        if self._reservation is not None:
            self._reservation.release()
            self._reservation = None
