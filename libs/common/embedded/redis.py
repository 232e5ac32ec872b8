"""Redis 6.2 as a child process."""

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from libs.common.embedded.binaries import redis_binary
from libs.common.embedded.ports import HOST
from libs.common.embedded.process import start_child, wait_until_unused
from libs.common.embedded.server import ChildServer

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


class RedisServer(ChildServer):
    """A redis-server under `data_dir`, listening on loopback only.

    It has no password: whoever can reach the machine's loopback interface can use it. It is a
    server for development and tests.

    `settings` are server settings that replace our own. `stop` is an orderly shutdown: SIGTERM does
    what the SHUTDOWN command does. After `kill`, `start` reads back all that was acknowledged.
    """

    def __init__(
        self, data_dir: Path, port: int, *, settings: Mapping[str, str] | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        super().__init__(
            "Redis",
            self.data_dir / "redis.log",
            (port,),
            stop_signal=signal.SIGTERM,
            # A long append-only file is read at about 100 MB a second.
            start_seconds=300,
            stop_seconds=60,
        )
        self._settings = {**_SETTINGS, **(settings or {})}

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT/0`."""
        return f"redis://{HOST}:{self.port}/0"

    def _prepare(self) -> None:
        wait_until_unused(self.data_dir, "redis-server")

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            **self._settings,
            "bind": HOST,
            "port": str(self.port),
            "dir": str(self.data_dir),
        }
        arguments = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return start_child(
            [str(redis_binary()), *arguments],
            death_signal=signal.SIGTERM,
            log=self.log,
            cwd=self.data_dir,
        )

    def _is_ready(self) -> bool:
        # Asked once and briefly: a stranger at this port may not answer at all.
        once = Retry(NoBackoff(), 0)
        with Redis(host=HOST, port=self.port, socket_timeout=1, retry=once) as client:
            try:
                # PING is refused while the append-only file is read. The id tells our server from
                # another one that may answer at this port.
                return bool(client.ping()) and client.info("server")["process_id"] == self.pid
            except (RedisError, OSError):
                return False
