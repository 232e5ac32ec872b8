"""Fresh migrated databases at the price of a file copy."""

from itertools import count

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from suite.embedded import PostgresServer
from suite.migrate import upgrade

_TEMPLATE = "weir_template"
ROLES = ("weir_ingest", "weir_enrich", "weir_aggregate", "weir_privacy", "weir_read")


class Databases:
    """Creates databases on an embedded server, as copies of one that was migrated once."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = count(1)
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
        """Removes the database, closing connections that are still open."""
        self._server.start()
        name = make_url(url).database or ""
        try:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        except psycopg.errors.InsufficientPrivilege:
            # An autovacuum worker is in it, which is the superuser's; without FORCE, PostgreSQL itself
            # sends it away.
            self._execute("DROP DATABASE IF EXISTS {}", name)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
