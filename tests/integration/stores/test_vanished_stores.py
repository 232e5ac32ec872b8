"""What finds out that a store vanished without closing its connections: options of the kernel."""

import os
import socket
from urllib.parse import quote

import psutil
import pytest
from redis.asyncio.connection import parse_url
from sqlalchemy.engine import make_url

from libs.stores.postgres import create_engine, driver_connection
from libs.stores.postgres_connector import PostgresConnector
from libs.stores.postgres_direct import DirectConnections
from libs.stores.redis_connection import RedisConnection
from tests.support.tcp_proxy import postgres_target, redis_target, tcp_proxy

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the options are Linux's"
)


def _probing(fd: int) -> tuple[int, int, int, int]:
    """Whether an idle connection is probed, after how many seconds, how often, and how many times."""
    with socket.socket(fileno=os.dup(fd)) as connected:
        return (
            connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
            connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
            connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
            connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
        )


async def test_idle_connections_to_redis_are_probed_like_those_of_redis_py(redis_url: str) -> None:
    password = quote(str(dict(parse_url(redis_url))["password"]))
    async with tcp_proxy(redis_target(redis_url)) as port:
        connection = RedisConnection(f"redis://:{password}@127.0.0.1:{port}/0")
        await connection.start()
        try:
            assert await connection.execute("PING") == b"PONG"
            [ours] = [
                each.fd
                for each in psutil.Process().net_connections("tcp")
                if each.raddr and each.raddr.port == port
            ]
            assert _probing(ours) == (1, 30, 5, 3)
        finally:
            await connection.aclose()


async def test_connections_to_a_vanished_postgres_break_after_30_seconds(database_url: str) -> None:
    async with tcp_proxy(postgres_target(database_url)) as port:
        url = make_url(database_url).set(host="127.0.0.1", port=port, query={})
        text = url.render_as_string(hide_password=False)
        engine = create_engine(text, service="test")
        beside = DirectConnections(PostgresConnector(text, service="test"))
        try:
            async with engine.connect() as pooled, beside.connection() as direct:
                for connection in (await driver_connection(pooled), direct.driver):
                    fd = connection.pgconn.socket
                    # 30 s, whether anything was sent (in ms) or not: 15 + 3 * 5.
                    with socket.socket(fileno=os.dup(fd)) as connected:
                        unacknowledged = connected.getsockopt(
                            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT
                        )
                    assert (unacknowledged, _probing(fd)) == (30_000, (1, 15, 5, 3))
        finally:
            beside.close()
            await engine.dispose()
