"""A TCP port that leads to a store, wherever it listens."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio.connection import parse_url
from sqlalchemy.engine import make_url

Target = str | tuple[str, int]


def redis_target(redis_url: str) -> Target:
    """The path of Redis' socket, or its host and port."""
    options: dict[str, Any] = dict(parse_url(redis_url))
    return options.get("path") or (options["host"], options["port"])


def postgres_target(database_url: str) -> Target:
    """The path of Postgres' socket, or its host and port."""
    url = make_url(database_url)
    if url.host:
        return url.host, url.port or 5432
    return f"{url.query['host']}/.s.PGSQL.{url.query['port']}"


@asynccontextmanager
async def tcp_proxy(target: Target, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of 127.0.0.1 that leads to `target`; it ends TLS if there is a `context`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if isinstance(target, str):
            store = await asyncio.open_unix_connection(target)
        else:
            store = await asyncio.open_connection(*target)
        await asyncio.gather(_pass_on(reader, store[1]), _pass_on(store[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    except OSError:
        pass  # a client that does not trust the certificate, or that is closed
    finally:
        target.close()
