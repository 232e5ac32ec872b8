"""Redis 6.2 as a child process."""

import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psutil
from redis import Redis
from redis.exceptions import RedisError

from libs.runtime.durable_files import write_private
from suite.embedded.binaries import redis_binary
from suite.embedded.ports import HOST
from suite.embedded.process import StartError, start_child, wait_until_unused
from suite.embedded.server import ChildServer
from suite.embedded.sockets import can_be_socket
from suite.private_files import kept_secret

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
    # Slow commands would be kept with their arguments: ids of people and their consents.
    "slowlog-max-len": "0",
    "daemonize": "no",
}


class RedisServer(ChildServer):
    """A redis-server under `data_dir`, listening on a Unix socket there, or on `port` of the loopback
    interface if the socket's path would be too long.

    It asks for a password, which the first start makes and keeps in `data_dir`.

    `stop` is an orderly shutdown: SIGTERM does
    what the SHUTDOWN command does. After `kill`, `start` reads back all that was acknowledged.
    """

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir = data_dir.absolute()
        self._socket = self.data_dir / "redis.sock"
        super().__init__(
            "Redis",
            self.data_dir / "redis.log",
            () if can_be_socket(self._socket) else (port,),
            stop_signal=signal.SIGTERM,
            # A long append-only file is read at about 100 MB a second.
            start_seconds=300,
            stop_seconds=60,
        )
        self._password = ""

    @property
    def url(self) -> str:
        """`unix://:PASSWORD@/PATH?db=0` or `redis://:PASSWORD@127.0.0.1:PORT/0`.

        Raises StartError before the first start.
        """
        if not self._password:
            raise StartError(f"{self.title} was never started")
        if self.on_socket:
            return f"unix://:{self._password}@{quote(str(self._socket))}?db=0"
        return f"redis://:{self._password}@{HOST}:{self.port}/0"

    @property
    def _secret_settings(self) -> Path:
        return self.data_dir / "redis.conf"

    def _prepare(self) -> None:
        wait_until_unused(self.data_dir, "redis-server")
        self._password = kept_secret(self.data_dir / "password")
        # In a file, because every user of the machine can read the arguments of a process.
        write_private(self._secret_settings, f"requirepass {self._password}\n")

    def _launch(self) -> subprocess.Popen[bytes]:
        if self.on_socket:
            where = {"port": "0", "unixsocket": str(self._socket), "unixsocketperm": "600"}
        else:
            where = {"port": str(self.port), "bind": HOST}
        settings = {**_SETTINGS, **where, "dir": str(self.data_dir)}
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return start_child(
            [str(redis_binary()), str(self._secret_settings), *arguments],
            death_signal=signal.SIGTERM,
            log=self.log,
            cwd=self.data_dir,
        )

    def _is_ready(self) -> bool:
        # Before anything is said: another server at this port must not learn the password.
        if not self._listens():
            return False
        # Asked once and briefly: PING is refused while the append-only file is read.
        with Redis.from_url(self.url, socket_timeout=1) as client:
            try:
                return bool(client.ping()) and client.info("server")["process_id"] == self.pid
            except (RedisError, OSError):
                return False

    def _listens(self) -> bool:
        """Whether it is our process that listens at the port, or at the socket in our own folder."""
        if self.on_socket:
            return self._socket.exists()
        try:
            connections = psutil.Process(self.pid).net_connections("tcp")
        except psutil.Error:
            return False
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port
            for connection in connections
        )
