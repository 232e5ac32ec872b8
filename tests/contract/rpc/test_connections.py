"""What the server under all services does with connections that are abused, or not used."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.contract.rpc.rpc_shapes import Served


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with Served() as running:
        yield running


async def test_a_flood_of_pings_ends_its_connection_and_no_other(served: Served) -> None:
    stub = health_pb2_grpc.HealthStub(served.channel())
    await stub.Check(health_pb2.HealthCheckRequest())
    reader, writer = await asyncio.open_connection("127.0.0.1", served.server.port)
    # RFC 9113: the preface, empty SETTINGS (type 4), then PINGs (type 6) of 8 bytes. One at a time, each
    # after the answer to the last: what the server has not read when it closes could drop its own words.
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _http2_frame(4, b""))
    frames = _http2_frames(reader)
    goaway = b""
    for _ in range(20):
        writer.write(_http2_frame(6, b"12345678"))
        kind, payload = await anext(frame async for frame in frames if frame[0] in (6, 7))
        if kind == 7:
            goaway = payload
            break
    # RFC 9113, 7: error code 11 is ENHANCE_YOUR_CALM.
    assert struct.unpack(">II", goaway[:8])[1] == 11
    writer.close()
    assert (await stub.Check(health_pb2.HealthCheckRequest())).status == 1


def _http2_frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, 0, 0, 0, 0, 0]) + payload


async def _http2_frames(reader: asyncio.StreamReader) -> AsyncIterator[tuple[int, bytes]]:
    """Frames until the other end closes the connection."""
    while True:
        try:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        yield head[3], payload


async def test_a_connection_that_is_not_used_is_closed() -> None:
    async with Served(max_connection_idle_seconds=0.2) as served:
        with socket.create_connection(("127.0.0.1", served.server.port)) as connection:
            connection.settimeout(60)
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _http2_frame(4, b""))

            def rest() -> bytes:
                received = b""
                while part := connection.recv(4096):
                    received += part
                return received

            # It ends: the server closes a connection without calls.
            assert await asyncio.to_thread(rest)
