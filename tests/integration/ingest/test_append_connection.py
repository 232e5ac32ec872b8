"""The append script over a connection that breaks, to a Redis that restarts, stalls or is read-only."""

import socket
import socketserver
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import hiredis
import pytest
from redis.asyncio import Redis
from redis.asyncio.connection import parse_url
from weir.common.v1.event_pb2 import Event
from weir.streams.v1 import batch_pb2

from libs.common.errors import Unavailable
from libs.common.ids import event_uuid, new_uuid7
from libs.stores.redis_client import create_redis
from libs.stores.redis_commands import RedisCommands
from libs.streams.names import raw_stream
from services.ingest.intake.model import Append, Appended
from services.ingest.intake.redis import RedisRawStream
from services.ingest.settings import IngestSettings
from tests.support.streams import entries_in

NEW = Appended(frozenset())


def _append(*ids: str) -> Append:
    batch_id = new_uuid7()
    return Append(
        app_id="chess",
        batch_id=batch_id,
        received_at_us=int.from_bytes(batch_id[:6], "big") * 1000,
        events=[Event(event_id=name) for name in ids],
        event_uuids=b"".join(event_uuid(name)[0] for name in ids),
        fingerprints=bytes(4 * len(ids)),
        idempotency_uuids=b"",
        dead_letters=(),
        traceparent="",
        dedupe_window_seconds=3600,
    )


@asynccontextmanager
async def _stream(
    redis_url: str, *, timeout_seconds: float = 10.0
) -> AsyncIterator[RedisRawStream]:
    client = create_redis(redis_url)
    commands = RedisCommands(redis_url, timeout_seconds=timeout_seconds)
    try:
        yield RedisRawStream(client, commands, IngestSettings())
    finally:
        await commands.aclose()
        await client.aclose()


async def _ids(client: Redis) -> list[list[str]]:
    """The event ids of each entry."""
    return [
        [event.event_id for event in batch_pb2.EventBatch.FromString(fields[b"batch"]).events]
        for fields in await entries_in(client, raw_stream(0))
    ]


def _whole_reply(redis: socket.socket) -> bytes:
    """The bytes of the next reply, which may come in several pieces."""
    reader, received = hiredis.Reader(), b""
    while reader.gets() is False:
        piece = redis.recv(65_536)
        if not piece:
            raise ConnectionError
        reader.feed(piece)
        received += piece
    return received


@contextmanager
def _losing_replies(redis_url: str, losses: int) -> Iterator[str]:
    """The URL of a proxy that closes the connection instead of passing on the reply of a script, so many
    times."""
    options: dict[str, Any] = dict(parse_url(redis_url))
    left = losses

    class Proxy(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            nonlocal left
            with socket.socket(socket.AF_UNIX if "path" in options else socket.AF_INET) as redis:
                redis.connect(options.get("path") or (options["host"], options["port"]))
                with suppress(ConnectionError):
                    # One short command at a time.
                    while command := self.request.recv(65_536):
                        redis.sendall(command)
                        reply = _whole_reply(redis)
                        if left and b"EVAL" in command:
                            left -= 1
                            return
                        self.request.sendall(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"redis://:{options.get('password', '')}@127.0.0.1:{server.server_address[1]}/0"
        finally:
            server.shutdown()
            thread.join()


async def test_a_batch_whose_reply_is_lost_with_the_connection_is_appended_once(
    client: Redis, redis_url: str
) -> None:
    async with _stream(redis_url) as stream:
        # The script is known, so that its first call is the one whose reply is lost.
        await stream.append(0, _append("first"))
    with _losing_replies(redis_url, 2) as url:
        async with _stream(url) as stream:
            assert await stream.append(0, _append("a", "b")) == NEW
    assert await _ids(client) == [["first"], ["a", "b"]]


async def test_a_connection_that_breaks_each_time_is_unavailable(
    client: Redis, redis_url: str
) -> None:
    batch = _append("a")
    with _losing_replies(redis_url, 99) as url:
        async with _stream(url) as stream:
            with pytest.raises(Unavailable) as failure:
                await stream.append(0, batch)
    assert failure.value.retry_after_seconds > 0
    async with _stream(redis_url) as stream:
        assert await stream.append(0, batch) == NEW
    assert await _ids(client) == [["a"]]


async def test_a_redis_that_has_lost_the_script_gets_it_again(
    client: Redis, redis_url: str
) -> None:
    async with _stream(redis_url) as stream:
        for event_id in ("a", "b"):
            await client.script_flush()
            assert await stream.append(0, _append(event_id)) == NEW
    assert await _ids(client) == [["a"], ["b"]]


async def test_a_redis_that_stalls_is_unavailable_and_takes_the_batch_later(
    client: Redis, redis_url: str
) -> None:
    batch = _append("a")
    async with _stream(redis_url, timeout_seconds=0.1) as stream:
        await client.client_pause(600_000, all=False)
        try:
            with pytest.raises(Unavailable):
                await stream.append(0, batch)
        finally:
            await client.client_unpause()
    async with _stream(redis_url) as stream:
        assert await stream.append(0, batch) == NEW
    assert await _ids(client) == [["a"]]


async def test_a_redis_that_does_not_write_is_unavailable(client: Redis, redis_url: str) -> None:
    async with _stream(redis_url) as stream:
        await client.execute_command("REPLICAOF", "127.0.0.1", "1")
        try:
            with pytest.raises(Unavailable):
                await stream.append(0, _append("a"))
        finally:
            await client.execute_command("REPLICAOF", "NO", "ONE")
        assert await stream.append(0, _append("a")) == NEW


async def test_a_redis_that_does_not_answer_is_unavailable() -> None:
    async with _stream("redis://127.0.0.1:1/0") as stream:
        with pytest.raises(Unavailable):
            await stream.append(0, _append("a"))
