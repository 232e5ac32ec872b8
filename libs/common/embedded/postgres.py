"""PostgreSQL 18 as a child process."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from libs.common.embedded.binaries import let_others_reach, postgres_binaries, unprivileged_user
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

_NAME = "weir"
_SUPERUSER = "postgres"
_BIND_ATTEMPTS = 20
_INITDB_SECONDS = 120
# Recovery after a kill replays up to max_wal_size.
_START_SECONDS = 300
_STOP_SECONDS = 60
_LEFTOVER_SECONDS = 60


class PostgresServer:
    """A PostgreSQL server under `data_dir`, listening on loopback only.

    Whoever can reach the machine's loopback interface can log in as anyone (`trust`): this is a
    server for development and tests. The role `weir` owns the database `weir` and may create
    databases, nothing more; `postgres` is the superuser.

    `port` is the port wished for; one that is taken is stepped over, and `self.port` is the port in
    use. `settings` are server settings that replace our own. Start it from a thread that lives as
    long as the server (see `start_child`).
    """

    def __init__(
        self, data_dir: Path, port: int, *, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self.log = self.data_dir / "postgres.log"
        self._cluster = self.data_dir / "cluster"
        self._settings = {**_tuning(), **(settings or {})}
        self._user = unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._reservation: Reservation | None = None

    @property
    def url(self) -> str:
        """`postgresql://weir@127.0.0.1:PORT/weir`."""
        return f"postgresql://{_NAME}@{HOST}:{self.port}/{_NAME}"

    @property
    def pid(self) -> int:
        """The postmaster's process id. Raises StartError where it does not run."""
        if self._process is None:
            raise StartError("PostgreSQL is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process that `start` started is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> str:
        """Starts the server on the data that is there, or on new data; returns `url`.

        Raises StartError, also where another server uses the data.
        """
        if self.running:
            return self.url
        self._process = None
        binaries = postgres_binaries()
        if self._user is not None:
            let_others_reach(binaries)
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clear_leftovers()
        rotate_log(self.log)
        if not self._cluster.exists():
            self._create_cluster(binaries)
        for _ in range(_BIND_ATTEMPTS):
            log_start = log_size(self.log)
            if self._start_once(binaries):
                try:
                    self._create_database()
                except psycopg.Error as error:
                    self.stop()
                    raise StartError(f"PostgreSQL: cannot create the database: {error}") from error
                return self.url
            words = log_tail(self.log, start=log_start)
            self._forget()
            if "could not bind" not in words:
                raise StartError(f"PostgreSQL did not start; the end of {self.log}:\n{words}")
            self.port += 1
        raise StartError(f"PostgreSQL found no free port in {_BIND_ATTEMPTS} attempts")

    def stop(self) -> None:
        """A fast shutdown: connections are closed, everything is written out."""
        if self._process is not None:
            try:
                stop_child(self._process, signal_=signal.SIGINT, grace_seconds=_STOP_SECONDS)
            finally:
                self._forget()

    def kill(self) -> None:
        """SIGKILL to all of the server's processes, as a crash would; `start` recovers."""
        if self._process is not None:
            kill_child(self._process)
            self._process = None

    def _start_once(self, binaries: Path) -> bool:
        """False if the server ended before it was ready."""
        if self._reservation is None:
            self._reservation = reserve_port(self.port)
            self.port = self._reservation.port
        settings = {
            **self._settings,
            "listen_addresses": HOST,
            "port": str(self.port),
            # A socket's path may have about 100 characters, and a data directory's may be longer.
            "unix_socket_directories": "",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = start_child(
            [str(binaries / "postgres"), "-D", self._reachable(self._cluster), *arguments],
            death_signal=signal.SIGINT,
            log=self.log,
            cwd=self._cluster,
            environment=_environment(),
            user=self._user,
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            if self._is_ready():
                return True
            time.sleep(0.02)
        self.kill()
        return False

    def _is_ready(self) -> bool:
        # The server's own file and not a connection: another server may answer at this port.
        lines = _read_lines(self._cluster / "postmaster.pid")
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7] == "ready"

    def _create_cluster(self, binaries: Path) -> None:
        """Made beside its final place and moved there when complete: a kill leaves no half one."""
        unfinished = self.data_dir / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user is not None:
            os.chown(unfinished, self._user.uid, self._user.gid)
        log_start = log_size(self.log)
        command = [str(binaries / "initdb"), "-D", self._reachable(unfinished)]
        command += [f"--username={_SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        process = start_child(
            command,
            death_signal=signal.SIGKILL,
            log=self.log,
            cwd=unfinished,
            environment=_environment(),
            user=self._user,
        )
        try:
            status = process.wait(_INITDB_SECONDS)
        except subprocess.TimeoutExpired:
            kill_child(process)
            status = -1
        if status != 0:
            raise StartError(f"initdb failed:\n{log_tail(self.log, start=log_start)}")
        unfinished.rename(self._cluster)

    def _reachable(self, folder: Path) -> str:
        """How the server, whose working directory is `folder`, names it.

        As root the server runs as somebody who may not pass through the private folders above (a
        home, pytest's temporary folder). It needs no right to do so to stay where it is.
        """
        return str(folder) if self._user is None else "/proc/self/cwd"

    def _create_database(self) -> None:
        """On every start, because a kill may have come between initdb and this."""
        name = sql.Identifier(_NAME)
        url = f"postgresql://{_SUPERUSER}@{HOST}:{self.port}/postgres"
        with psycopg.connect(url, autocommit=True) as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = %s", [_NAME]
            ).fetchone():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(name))
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [_NAME]
            ).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))

    def _clear_leftovers(self) -> None:
        """Waits for processes of a killed server to be gone, then removes its pid file.

        The file names a process id that may be somebody else's by now, and the server would then
        refuse to start.
        """
        deadline = time.monotonic() + _LEFTOVER_SECONDS
        while pids := _processes_in(self._cluster):
            if time.monotonic() > deadline:
                raise StartError(f"{self.data_dir} is in use by PostgreSQL, pid {min(pids)}")
            time.sleep(0.05)
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _forget(self) -> None:
        self._process = None
        if self._reservation is not None:
            self._reservation.release()
            self._reservation = None


def _tuning() -> dict[str, str]:
    """Settings for a machine shared with four services: durable, few checkpoints, no surprises."""
    megabytes = psutil.virtual_memory().available // (8 * 1024 * 1024)
    return {
        "shared_buffers": f"{max(16, min(1024, megabytes))}MB",
        "max_connections": "100",
        "fsync": "on",
        "synchronous_commit": "on",
        "max_wal_size": "8GB",
        "min_wal_size": "1GB",
        "checkpoint_timeout": "15min",
        # The wheel is built without lz4, and pglz costs more CPU than the writes it saves.
        "wal_compression": "off",
        "jit": "off",
        "autovacuum": "on",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Files in the data directory, so that a killed server leaves nothing in /dev/shm.
        "dynamic_shared_memory_type": "mmap",
    }


def _environment() -> dict[str, str]:
    """Without the PG* variables of the user's shell, which the binaries would follow."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _read_lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []


def _processes_in(cluster: Path) -> list[int]:
    """The ids of PostgreSQL processes that work in this data directory."""
    found = []
    for process in psutil.process_iter(["pid", "name"]):
        if process.info["name"] != "postgres":
            continue
        try:
            if process.cwd() == str(cluster.resolve()):
                found.append(process.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
