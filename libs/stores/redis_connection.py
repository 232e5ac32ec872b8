"""A Redis connection that costs next to nothing per command.

Commands of one loop tick leave in one write, and replies are handed out as they are parsed. That is
all it does; redis-py's asyncio client, which does everything, takes 80 µs of CPU for each command,
more than the rest of a consent check.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from asyncio.trsock import TransportSocket
from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
import structlog
from redis.asyncio.connection import SSLConnection, parse_url
from redis.exceptions import RedisError

from libs.common.errors import ConfigurationError

log = structlog.get_logger()

Argument = bytes | str | int
# Receives a command's reply (or the exception in its place) and the run id of the server.
Sink = Callable[[Any, bytes], None]

_FIRST_BACKOFF_SECONDS = 0.02
_LAST_BACKOFF_SECONDS = 1.0
# As redis-py does: after 30 s, every 5 s, given up after three. Not every system has these options.
_PROBES = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


class RedisConnection:
    """One connection to one Redis server, opened again whenever it breaks.

    Nothing is sent twice: a command whose connection breaks fails with ConnectionError, and its
    effect is unknown. A command without a connection fails at once. One that is not answered within
    `timeout_seconds` breaks the connection, so no caller waits longer than that.
    """

    def __init__(self, redis_url: str, *, timeout_seconds: float = 1.0) -> None:
        """Raises ConfigurationError if the URL cannot be used, TLS options and their files included."""
        self._address = _Address(redis_url)
        self._timeout = timeout_seconds
        self._protocol: _Protocol | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._attempted = asyncio.Event()

    async def start(self) -> None:
        """Begins to hold the connection; returns after the first attempt, also if it failed.

        Safe to call again.
        """
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._keep(), name="redis-connection")
        await self._attempted.wait()

    async def aclose(self) -> None:
        """Closes it; commands under way fail."""
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
            self._connecting = None

    @property
    def run_id(self) -> bytes | None:
        """The run id of the server at the other end (a restarted one has another), None without."""
        return self._protocol.run_id if self._protocol else None

    def send(self, packed: bytes, sink: Sink) -> None:
        """Sends a command that `hiredis.pack_command` made, at the end of this tick or on `flush`.

        `sink` is called once, and must not raise. An error reply of the server reaches it as
        `hiredis.ReplyError`. Raises ConnectionError if there is no connection.
        """
        protocol = self._protocol
        if protocol is None:
            raise ConnectionError("no connection to Redis")
        protocol.send(packed, sink)

    def flush(self) -> None:
        """Sends what was collected now instead of at the end of the tick."""
        if self._protocol is not None:
            self._protocol.flush()

    def execute(self, *command: Argument) -> "asyncio.Future[Any]":
        """The future reply of a command. Error replies are raised as `hiredis.ReplyError`."""
        future = asyncio.get_running_loop().create_future()
        try:
            self.send(hiredis.pack_command(command), lambda reply, _: _settle(future, reply))
        except ConnectionError as error:
            future.set_exception(error)
        return future

    async def _keep(self) -> None:
        backoff = _FIRST_BACKOFF_SECONDS
        warned = False
        while True:
            protocol = _Protocol(self._timeout)
            try:
                async with asyncio.timeout(self._timeout):
                    await self._address.connect(protocol)
                    await protocol.handshake(self._address.auth_commands)
            except (OSError, hiredis.ReplyError) as error:
                protocol.abort()
                self._attempted.set()
                if not warned:
                    log.warning("no connection to Redis", error=type(error).__name__)
                    warned = True
                await asyncio.sleep(backoff)
                backoff = min(2 * backoff, _LAST_BACKOFF_SECONDS)
                continue
            except asyncio.CancelledError:
                protocol.abort()
                raise
            self._protocol = protocol
            self._attempted.set()
            if warned:
                log.info("connected to Redis again")
            backoff, warned = _FIRST_BACKOFF_SECONDS, False
            try:
                await protocol.lost.wait()
                log.warning("connection to Redis lost")
                warned = True
            finally:
                self._protocol = None
                protocol.abort()


class _Address:
    """Where a `redis://`, `rediss://` or `unix://` URL points, and what to say there first."""

    def __init__(self, redis_url: str) -> None:
        # redis-py's own reading of the URL, so that both clients of a process understand it alike.
        try:
            options: dict[str, Any] = dict(parse_url(redis_url))
        except ValueError as error:
            raise ConfigurationError(f"the URL of Redis cannot be used: {error}") from None
        self._path: str | None = options.get("path")
        self._host: str = options.get("host", "localhost")
        self._port: int = options.get("port", 6379)
        is_tls = options.get("connection_class") is SSLConnection
        self._tls = _tls_context(options) if is_tls else None
        self.auth_commands: list[tuple[Argument, ...]] = []
        if options.get("password"):
            user = (options["username"],) if options.get("username") else ()
            self.auth_commands.append(("AUTH", *user, options["password"]))
        if options.get("db"):
            self.auth_commands.append(("SELECT", int(options["db"])))

    async def connect(self, protocol: "_Protocol") -> None:
        loop = asyncio.get_running_loop()
        if self._path:
            await loop.create_unix_connection(lambda: protocol, self._path)
        else:
            transport, _ = await loop.create_connection(
                lambda: protocol, self._host, self._port, ssl=self._tls
            )
            _probe_when_idle(transport.get_extra_info("socket"))


def _tls_context(options: dict[str, Any]) -> ssl.SSLContext:
    """What the URL's `ssl_*` options ask for, as redis-py reads them. Raises ConfigurationError."""
    chosen = {name: value for name, value in options.items() if name.startswith("ssl_")}
    try:
        return SSLConnection(**chosen).ssl_context.get()
    except (TypeError, ValueError, OSError, RedisError) as error:
        names = ", ".join(sorted(chosen))
        raise ConfigurationError(
            f"the TLS options of the URL of Redis ({names}) cannot be used: {error}"
        ) from None


def _probe_when_idle(connected: TransportSocket) -> None:
    """Lets the kernel probe an idle connection: no load balancer forgets it, and if the other end is gone, it
    breaks while nothing waits for it, not at the next command."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _PROBES.items():
        if hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


class _Protocol(asyncio.Protocol):
    """The connection itself. Replies come in the order of the commands."""

    def __init__(self, timeout_seconds: float) -> None:
        self.run_id = b""
        self.lost = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout_seconds
        self._transport: asyncio.WriteTransport | None = None
        self._reader = hiredis.Reader()
        self._collected: list[bytes] = []
        # Sinks of replies to come, with their deadlines; the first deadline is always the earliest.
        self._waiting: deque[tuple[Sink, float]] = deque()
        self._collecting: list[Sink] = []
        self._watchdog: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def send(self, packed: bytes, sink: Sink) -> None:
        if self.lost.is_set():
            raise ConnectionError("the connection to Redis is lost")
        if not self._collected:
            self._loop.call_soon(self.flush)
        self._collected.append(packed)
        self._collecting.append(sink)

    def flush(self) -> None:
        if not self._collected or self._transport is None or self.lost.is_set():
            return
        deadline = self._loop.time() + self._timeout
        self._waiting.extend([(sink, deadline) for sink in self._collecting])
        self._collecting.clear()
        self._transport.write(b"".join(self._collected))
        self._collected.clear()
        if self._watchdog is None:
            self._watchdog = self._loop.call_at(deadline, self._check_deadline)

    def data_received(self, data: bytes) -> None:
        reader, waiting, run_id = self._reader, self._waiting, self.run_id
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                waiting.popleft()[0](reply, run_id)
        except (hiredis.ProtocolError, IndexError):
            # Not Redis, or out of step: no later reply can be trusted to be its command's.
            self._break("not a reply of Redis")

    def connection_lost(self, _: Exception | None) -> None:
        self._break("the connection to Redis is lost")

    def abort(self) -> None:
        self._break("the connection to Redis is closed")

    async def handshake(self, auth_commands: list[tuple[Argument, ...]]) -> None:
        """AUTH and SELECT if the URL asks for them, then learns the server's run id."""
        for command in auth_commands:
            await self._ask(*command)
        info = await self._ask("INFO", "server")
        found = re.search(rb"^run_id:(\w+)", info, re.MULTILINE)
        if not found:
            raise ConnectionError("the server does not say its run id")
        self.run_id = found[1]

    async def _ask(self, *command: Argument) -> Any:
        future = self._loop.create_future()
        self.send(hiredis.pack_command(command), lambda reply, _: _settle(future, reply))
        return await future

    def _check_deadline(self) -> None:
        self._watchdog = None
        if not self._waiting:
            return
        deadline = self._waiting[0][1]
        if deadline <= self._loop.time():
            self._break(f"Redis did not answer in {self._timeout} s")
        else:
            self._watchdog = self._loop.call_at(deadline, self._check_deadline)

    def _break(self, reason: str) -> None:
        if self.lost.is_set():
            return
        self.lost.set()
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._transport is not None:
            self._transport.abort()
        error = ConnectionError(reason)
        sinks = [*(sink for sink, _ in self._waiting), *self._collecting]
        self._waiting.clear()
        self._collecting.clear()
        self._collected.clear()
        for sink in sinks:
            sink(error, self.run_id)


def _settle(future: "asyncio.Future[Any]", reply: Any) -> None:
    """Gives the future its reply, unless its caller was cancelled."""
    if future.done():
        return
    if isinstance(reply, Exception):
        future.set_exception(reply)
    else:
        future.set_result(reply)
