"""PostgreSQL 18 as a child process."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from suite.embedded.binaries import (
    let_others_run_postgres,
    postgres_binaries,
    unprivileged_user,
)
from suite.embedded.ports import HOST
from suite.embedded.postgres_access import ROLE, SUPERUSER, PostgresAccess, set_password
from suite.embedded.process import (
    StartError,
    kill_child,
    log_size,
    log_tail,
    start_child,
    wait_until_unused,
)
from suite.embedded.server import ChildServer
from suite.embedded.sockets import can_be_socket
from suite.private_files import kept_secret

_DATABASE = "weir"
_INITDB_SECONDS = 120
# Of the socket's name only: a socket in a folder of its own meets no other server.
_SOCKET_PORT = 5432
_START_SECONDS = 300


class PostgresServer(ChildServer):
    """A PostgreSQL server under `data_dir`, listening on a Unix socket there, or on `port` of the
    loopback interface if the socket's path would be too long.

    The role `weir` can log in, with the password that the first start makes and keeps in `data_dir`. It
    owns the database `weir` and may create databases and roles, nothing more; `let_in` lets a role of
    these log in. The superuser `postgres` has no password, so it cannot log in.

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
            () if can_be_socket(_socket(self.data_dir)) else (port,),
            stop_signal=signal.SIGINT,
            # Recovery after a kill replays up to max_wal_size.
            start_seconds=_START_SECONDS,
            stop_seconds=60,
        )
        self._cluster = _cluster(self.data_dir)
        # By role.
        self._passwords: dict[str, str] = {}
        self._settings = {**_tuning(), **(settings or {})}
        self._user = unprivileged_user()

    @property
    def url(self) -> str:
        """Of the database `weir`; see `url_of`."""
        return self.url_of(_DATABASE)

    def url_of(self, database: str, role: str = ROLE) -> str:
        """`postgresql://weir:PASSWORD@/DATABASE?host=FOLDER&port=5432`, which leads to the socket in
        FOLDER, or `postgresql://weir:PASSWORD@127.0.0.1:PORT/DATABASE`; for another role with its name.

        Raises StartError before the first start, and for a role that was not let in.
        """
        if ROLE not in self._passwords:
            raise StartError(f"{self.title} was never started")
        if role not in self._passwords:
            raise StartError(f"{self.title}: the role {role} was not let in")
        login = f"postgresql://{role}:{self._passwords[role]}@"
        if self.on_socket:
            return f"{login}/{database}?host={quote(str(self._cluster))}&port={_SOCKET_PORT}"
        return f"{login}{HOST}:{self.port}/{database}"

    def let_in(self, role: str) -> str:
        """Lets a role that `weir` has made log in, with a password of its own that is kept in `data_dir`;
        returns the URL of the database `weir` for it. Raises StartError."""
        try:
            password = kept_secret(self.data_dir / f"{role}.password")
            set_password(self.url, role, password)
        except (psycopg.Error, OSError) as error:
            raise StartError(f"{self.title}: cannot let {role} log in: {error}") from error
        self._passwords[role] = password
        return self.url_of(_DATABASE, role)

    def _prepare(self) -> None:
        if self._user is not None:
            let_others_run_postgres()
        wait_until_unused(self._cluster, "postgres")
        # They name a process id that may be another process's by now, and the server would then refuse
        # to start.
        socket = _socket(self.data_dir)
        for stale in (self._cluster / "postmaster.pid", socket.with_name(f"{socket.name}.lock")):
            stale.unlink(missing_ok=True)
        if not self._cluster.exists():
            self._create_cluster()
        access = PostgresAccess(self._cluster, self.data_dir / "password")
        if not access.is_complete:
            self._run_alone(access.statements())
            access.complete()
        self._passwords[ROLE] = access.password

    def _launch(self) -> subprocess.Popen[bytes]:
        if self.on_socket:
            # Relative to the cluster's folder: the server may lack the right to pass through the
            # folders above it.
            where = {"unix_socket_directories": ".", "listen_addresses": ""}
            port = _SOCKET_PORT
        else:
            where = {"unix_socket_directories": "", "listen_addresses": HOST}
            port = self.port
        where |= {"port": str(port), "unix_socket_permissions": "0700"}
        arguments = _as_arguments({**self._settings, **where})
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
        self,
        binary: str,
        folder: Path,
        arguments: Sequence[str],
        death_signal: signal.Signals,
        *,
        mode: Sequence[str] = (),
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        # As root the server runs as a user who may not pass through the private folders above its
        # data (a home, pytest's temporary folder), but the current folder needs no such right.
        data = str(folder) if self._user is None else "/proc/self/cwd"
        return start_child(
            [str(postgres_binaries() / binary), *mode, "-D", data, *arguments],
            death_signal=death_signal,
            log=self.log,
            cwd=folder,
            environment=_environment(),
            user=self._user,
            stdin=stdin,
        )

    def _run_alone(self, statements: str) -> None:
        """Runs SQL as the superuser while no server runs, and so without a login."""
        log_start = log_size(self.log)
        # Else a statement that fails would be in the log, with the password.
        quiet = {"log_min_error_statement": "panic", "log_statement": "none"}
        process = self._run(
            "postgres",
            self._cluster,
            [*_as_arguments({**self._settings, **quiet}), SUPERUSER],
            signal.SIGKILL,
            mode=["--single"],
            stdin=subprocess.PIPE,
        )
        try:
            process.communicate(statements.encode(), timeout=_START_SECONDS)
        except subprocess.TimeoutExpired:
            kill_child(process)
        if process.returncode != 0:
            raise StartError(
                f"{self.title} did not start to set its password (exit status {process.returncode});"
                f" the end of {self.log}:\n{log_tail(self.log, start=log_start)}"
            )

    def _create_cluster(self) -> None:
        """Made beside its final place and moved there when complete: a kill leaves no half one."""
        unfinished = self.data_dir / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user is not None:
            os.chown(unfinished, self._user.uid, self._user.gid)
        log_start = log_size(self.log)
        arguments = [
            f"--username={SUPERUSER}",
            # Until PostgresAccess is complete.
            "--auth=reject",
            "--encoding=UTF8",
            "--locale=C",
        ]
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
        with psycopg.connect(self.url_of(SUPERUSER), autocommit=True) as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [_DATABASE]
            ).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE)))


def _cluster(data_dir: Path) -> Path:
    return data_dir / "cluster"


def _socket(data_dir: Path) -> Path:
    return _cluster(data_dir) / f".s.PGSQL.{_SOCKET_PORT}"


def _tuning() -> dict[str, str]:
    """Settings for a machine shared with four services: durable, few checkpoints, no surprises."""
    megabytes = psutil.virtual_memory().available // (8 * 1024 * 1024)
    return {
        "shared_buffers": f"{max(16, min(1024, megabytes))}MB",
        "max_connections": "100",
        # A query over all of enrich.events locks each of its partitions, and each of their indexes.
        "max_locks_per_transaction": "256",
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
        # Without the rows that statements fail at: they are people's data.
        "log_error_verbosity": "terse",
        # Files in the data directory, so that a killed server leaves nothing in /dev/shm.
        "dynamic_shared_memory_type": "mmap",
    }


def _as_arguments(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _environment() -> dict[str, str]:
    """Without the PG* variables of the user's shell, which the binaries would follow, and without
    Weir's secrets: as root the server runs as another user, who could read them in its environment."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PG", "WEIR_"))
    }


def _read_lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []
