"""The hand-written service's load generator: whole HTTP/1.1 requests over connections that are kept open.

The client is part of the CPU that is compared, so it is as cheap as one can be: requests are made before the
clock starts and written at once to a uvloop transport; the answer, which has no body, is looked at and not
parsed. A general client, such as httpx or aiohttp, does far more for a call.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import cast

from suite.embedded.ports import HOST
from tests.bench.load import WrongCountsError

_TAKEN = b"HTTP/1.1 204 "
_END = b"\r\n\r\n"


def request_of(path: str, body: bytes) -> bytes:
    """A whole POST request."""
    head = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def post_all(port: int, requests: Sequence[bytes], connections: int) -> None:
    """Posts all requests over so many connections, each with one request in flight, and returns when all are
    answered. Blocks, on an event loop of its own. Raises WrongCountsError for an answer that is not 204.
    """
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_post_all(port, iter(requests), connections))


async def _post_all(port: int, queue: Iterator[bytes], connections: int) -> None:
    loop = asyncio.get_running_loop()
    callers = [_Caller(queue) for _ in range(connections)]
    transports = [
        (await loop.create_connection(lambda caller=caller: caller, HOST, port))[0]  # type: ignore[misc]
        for caller in callers
    ]
    try:
        for caller in callers:
            caller.next()
        await asyncio.gather(*(caller.done for caller in callers))
    finally:
        for transport in transports:
            transport.close()
        await asyncio.gather(*(caller.closed for caller in callers))


class _Caller(asyncio.Protocol):
    """A connection that posts its next request when its last one is answered."""

    def __init__(self, queue: Iterator[bytes]) -> None:
        loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._queue = queue
        self._answer = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not _TAKEN.startswith(self._answer[: len(_TAKEN)]):
            self._fail(f"the hand-written service answered {self._answer[:200]!r}")
        elif self._answer.endswith(_END):
            self._answer = b""
            self.next()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set_result(None)
        self._fail("the hand-written service closed a connection")

    def next(self) -> None:
        """Posts the next request; without one, this caller is done."""
        assert self._transport is not None
        if (request := next(self._queue, None)) is not None:
            self._transport.write(request)
        elif not self.done.done():
            self.done.set_result(None)

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(WrongCountsError(reason))
