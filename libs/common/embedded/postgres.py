"""PostgreSQL 18 as a child process."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from libs.common.embedded.binaries import (
    let_others_run_postgres,
    postgres_binaries,
    unprivileged_user,
)
from libs.common.embedded.ports import HOST
from libs.common.embedded.process import (
    StartError,
    kill_child,
    log_size,
    log_tail,
    start_child,
    wait_until_unused,
)
from libs.common.embedded.server import ChildServer

_NAME = "weir"
_SUPERUSER = "postgres"
_INITDB_SECONDS = 120


class PostgresServer(ChildServer):
    """A PostgreSQL server under `data_dir`, listening on loopback only.

    Whoever can reach the machine's loopback interface can log in as anyone (`trust`): this is a
    server for development and tests. The role `weir` owns the database `weir` and may create
    databases, nothing more; `postgres` is the superuser.

    `settings` are server settings that replace our own. `stop` is a fast shutdown: connections are
    closed, everything is written out. After `kill`, `start` recovers all that was committed.
    """

    def __init__(
        self, data_dir: Path, port: int, *, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        super().__init__(
            "PostgreSQL",
            self.data_dir / "postgres.log",
            (port,),
            stop_signal=signal.SIGINT,
            # Recovery after a kill replays up to max_wal_size.
            start_seconds=300,
            stop_seconds=60,
        )
        self._cluster = self.data_dir / "cluster"
        self._settings = {**_tuning(), **(settings or {})}
        self._user = unprivileged_user()

    @property
    def url(self) -> str:
        """`postgresql://weir@127.0.0.1:PORT/weir`."""
        return f"postgresql://{_NAME}@{HOST}:{self.port}/{_NAME}"

    def _prepare(self) -> None:
        if self._user is not None:
            let_others_run_postgres()
        wait_until_unused(self._cluster, "postgres")
        # It names a process id that may be somebody else's by now, and the server would then refuse
        # to start.
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        if not self._cluster.exists():
            self._create_cluster()

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            **self._settings,
            "listen_addresses": HOST,
            "port": str(self.port),
            # A socket's path may have about 100 characters, and a data directory's may be longer.
            "unix_socket_directories": "",
        }
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return self._run("postgres", self._cluster, arguments, signal.SIGINT)

    def _is_ready(self) -> bool:
        # The server's own file and not a connection: another server may answer at this port.
        lines = _read_lines(self._cluster / "postmaster.pid")
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7] == "ready"

    def _complete(self) -> None:
        try:
            self._create_database()
        except psycopg.Error as error:
            self.stop()
            raise StartError(f"PostgreSQL: cannot create the database: {error}") from error

    def _run(
        self, binary: str, folder: Path, arguments: Sequence[str], death_signal: signal.Signals
    ) -> subprocess.Popen[bytes]:
        # As root the server runs as somebody who may not pass through the private folders above its
        # data (a home, pytest's temporary folder). Nobody needs a right to stay where he is.
        data = str(folder) if self._user is None else "/proc/self/cwd"
        return start_child(
            [str(postgres_binaries() / binary), "-D", data, *arguments],
            death_signal=death_signal,
            log=self.log,
            cwd=folder,
            environment=_environment(),
            user=self._user,
        )

    def _create_cluster(self) -> None:
        """Made beside its final place and moved there when complete: a kill leaves no half one."""
        unfinished = self.data_dir / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user is not None:
            os.chown(unfinished, self._user.uid, self._user.gid)
        log_start = log_size(self.log)
        arguments = [f"--username={_SUPERUSER}", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        process = self._run("initdb", unfinished, arguments, signal.SIGKILL)
        try:
            status = process.wait(_INITDB_SECONDS)
        except subprocess.TimeoutExpired:
            kill_child(process)
            status = -1
        if status != 0:
            raise StartError(f"initdb failed:\n{log_tail(self.log, start=log_start)}")
        unfinished.rename(self._cluster)

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
