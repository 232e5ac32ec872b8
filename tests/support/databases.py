"""Fresh migrated databases at the price of a file copy."""

from itertools import count
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from suite.embedded import PostgresServer
from suite.migrate import upgrade
from tests.support.waiting import holds_in_time

_TEMPLATE = "weir_template"
ROLES = ("weir_ingest", "weir_enrich", "weir_aggregate", "weir_privacy", "weir_read")


class Databases:
    """Creates databases on an embedded server, as copies of one that was migrated once."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = count(1)
        self._connection: psycopg.Connection[Any] | None = None
        self._execute("CREATE DATABASE {}", _TEMPLATE)
        upgrade(self.url(_TEMPLATE))
        for role in ROLES:
            server.let_in(role)

    def url(self, name: str) -> str:
        """The URL of a database of this server, for its owner `weir`."""
        return self._server.url_of(name)

    def create(self) -> str:
        """A new database with all migrations applied and no rows; returns its URL."""
        # A test may have killed the server.
        self._server.start()
        name = f"test_{next(self._numbers)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, _TEMPLATE)
        return self.url(name)

    def create_empty(self) -> str:
        """A new database without any migration; returns its URL."""
        self._server.start()
        name = f"test_{next(self._numbers)}"
        self._execute("CREATE DATABASE {}", name)
        return self.url(name)

    def as_role(self, url: str, role: str) -> str:
        """The URL of the same database for one of ROLES."""
        return self._server.url_of(make_url(url).database or "", role)

    def drop(self, url: str) -> None:
        """Removes the database, closing connections that are still open, if no service holds one."""
        self._server.start()
        name = make_url(url).database or ""

        def is_dropped() -> bool:
            try:
                self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
            except psycopg.errors.InsufficientPrivilege:
                # Of another role, which `weir` may not end; it ends soon after its client has closed the
                # connection.
                return False
            return True

        # A service that is stopped while it connects leaves the connection open. The database then stays
        # until the server is removed.
        holds_in_time(is_dropped, seconds=1.0)

    def close(self) -> None:
        """Closes the connection that is kept from one statement to the next."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _execute(self, statement: LiteralString, *names: str) -> None:
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))
        try:
            self._connected().execute(composed)
        except psycopg.OperationalError:
            # A test has killed the server, or this connection.
            self.close()
            self._connected().execute(composed)

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(self._server.url, autocommit=True)
        return self._connection
