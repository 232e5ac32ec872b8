"""The hand-written service as a child process, with a database of its own on the suite's Postgres."""

import http.client
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from suite.embedded.ports import HOST
from suite.embedded.postgres import PostgresServer
from tests.bench.by_hand.table import TABLE
from tests.bench.child_server import PythonServer

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


class ByHandServer(PythonServer):
    """uvicorn with uvloop and httptools, without an access log."""

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__(BY_HAND, folder, _PORT, {"BY_HAND_DATABASE_URL": database_url})

    def _command(self) -> Sequence[str]:
        return [
            "uvicorn",
            *("--host", HOST, "--port", str(self.port), "--workers", str(_WORKERS)),
            *("--loop", "uvloop", "--http", "httptools", "--log-level", "warning"),
            *("--no-access-log", "--no-server-header", "--no-date-header"),
            *("--factory", "tests.bench.by_hand.service:make_app"),
        ]

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", READY)
            return connection.getresponse().status == http.HTTPStatus.NO_CONTENT
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
