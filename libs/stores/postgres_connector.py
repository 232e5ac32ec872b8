"""How connections to one Postgres are opened, for a pool and beside it."""

import asyncio
from typing import Any

from psycopg import AsyncConnection
from sqlalchemy.engine import make_url

# Of a server that accepts a connection and does not answer, and of one that disappears without closing its
# connections: each of them is given up after 30 s. If nothing was sent, three probes find that out. The
# kernel sends none while sent data is not acknowledged, so that has a limit of its own, in ms; it ends
# probing as well, and must not be shorter than the probes take.
_CONNECTION_LIMITS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class PostgresConnector:
    """Opens connections to the Postgres of `postgresql://...`."""

    def __init__(self, database_url: str, *, service: str) -> None:
        """`service` is the application name that operators see in `pg_stat_activity`."""
        url = make_url(database_url).set(drivername="postgresql")
        self._conninfo = url.render_as_string(hide_password=False)
        self._application_name = f"weir-{service}"

    async def connect(self) -> AsyncConnection[Any]:
        """A new connection.

        If the caller is cancelled meanwhile, the connection is completed and then closed: a cancelled attempt
        would hold its socket, and a place in Postgres, until the next garbage collection.

        Raises psycopg.Error.
        """
        attempt = asyncio.ensure_future(
            AsyncConnection.connect(
                self._conninfo, application_name=self._application_name, **_CONNECTION_LIMITS
            )
        )
        try:
            return await asyncio.shield(attempt)
        except asyncio.CancelledError:
            attempt.add_done_callback(_close)
            raise


def _close(attempt: "asyncio.Future[AsyncConnection[Any]]") -> None:
    if not attempt.cancelled() and not attempt.exception():
        attempt.result().pgconn.finish()
