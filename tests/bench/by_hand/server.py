"""The hand-written service as a child process, with a database of its own on the suite's Postgres."""

import http.client
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from suite.embedded.ports import HOST
from suite.embedded.postgres import PostgresServer
from suite.embedded.process import start_child
from suite.embedded.server import ChildServer
from tests.bench.by_hand.table import TABLE
from tests.support.repository import REPOSITORY

PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools")
READY = "/ready"
# The process' name in the tables, and the database's.
BY_HAND = "by_hand"
_PORT = 50081
# On two cores: the client and Postgres need one of them.
_WORKERS = 1


def missing_packages() -> list[str]:
    """Those of the extra `bench` that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def make_database(postgres: PostgresServer) -> str:
    """A database of its own with the service's table; returns its URL."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(BY_HAND)))
    url = postgres.url_of(BY_HAND)
    with psycopg.connect(url) as connection:
        connection.execute(TABLE)
    return url


class ByHandServer(ChildServer):
    """uvicorn with uvloop and httptools, without an access log."""

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__(
            BY_HAND,
            folder / f"{BY_HAND}.log",
            (_PORT,),
            stop_signal=signal.SIGTERM,
            start_seconds=30,
            stop_seconds=10,
        )
        self._database_url = database_url

    @property
    def url(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"{HOST}:{self.port}"

    def _launch(self) -> subprocess.Popen[bytes]:
        options = ["--loop", "uvloop", "--http", "httptools", "--workers", str(_WORKERS)]
        quiet = [
            "--log-level",
            "warning",
            "--no-access-log",
            "--no-server-header",
            "--no-date-header",
        ]
        where = ["--host", HOST, "--port", str(self.port)]
        return start_child(
            [sys.executable, "-m", "uvicorn", *options, *quiet, *where, "--factory",
             "tests.bench.by_hand.service:make_app"],
            death_signal=signal.SIGTERM,
            log=self.log,
            cwd=REPOSITORY,
            environment={**os.environ, "BY_HAND_DATABASE_URL": self._database_url},
        )  # fmt: skip

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", READY)
            return connection.getresponse().status == http.HTTPStatus.NO_CONTENT
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
