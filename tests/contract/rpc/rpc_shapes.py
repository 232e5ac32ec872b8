"""A service with a method of each of gRPC's four shapes, on the server that all of Weir's services use.

Messages are Timestamps, because field 1 is a number and `\\x08` alone is no message.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from libs.rpc.permissions import RULES, Permission, Rule
from libs.rpc.readiness import Startup
from libs.rpc.server import Binding, GrpcServer
from libs.runtime.settings import CommonSettings
from libs.stores.watch import Store

SERVICE = "weir.test.v1.Shapes"
TOKEN = "the-token-of-these-tests"
METADATA = (("authorization", f"Bearer {TOKEN}"),)
NO_MESSAGE = b"\x08"


class Shapes:
    """Answers with the seconds it was sent, or fails with `failure`; waits while `gate` is closed."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = 0
        self.failure: Exception | None = None

    async def _echo(self, message: Timestamp) -> Timestamp:
        self.begun += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Timestamp(seconds=message.seconds)

    async def unary_unary(self, message: Timestamp, _: Any) -> Timestamp:
        return await self._echo(message)

    async def unary_stream(self, message: Timestamp, _: Any) -> AsyncIterator[Timestamp]:
        yield await self._echo(message)

    async def stream_unary(self, messages: AsyncIterator[Timestamp], _: Any) -> Timestamp:
        return Timestamp(seconds=sum([(await self._echo(each)).seconds async for each in messages]))

    async def stream_stream(
        self, messages: AsyncIterator[Timestamp], _: Any
    ) -> AsyncIterator[Timestamp]:
        async for message in messages:
            yield await self._echo(message)


SHAPES = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


SHAPE_RULES = {
    **RULES,
    **{f"/{SERVICE}/{shape}": Rule(Permission.SEND_EVENTS, None) for shape in SHAPES},
}


def add_to_server(servicer: Shapes, server: grpc.aio.Server) -> None:
    """What a generated module would have."""
    handlers = {
        shape: getattr(grpc, f"{shape}_rpc_method_handler")(
            getattr(servicer, shape), Timestamp.FromString, Timestamp.SerializeToString
        )
        for shape in SHAPES
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)


class Served:
    """The server, and channels to it."""

    def __init__(
        self, stores: Sequence[Store] = (), startup: Startup | None = None, **settings: Any
    ) -> None:
        self.servicer = Shapes()
        given = {"environment": "production", "auth_token": TOKEN, "port": 0, **settings}
        self.server = GrpcServer(
            CommonSettings.model_validate(given),
            [Binding(SERVICE, self.servicer, add_to_server, startup=startup)],
            stores,
            rules=SHAPE_RULES,
        )
        self._channels: list[grpc.aio.Channel] = []

    def channel(self) -> grpc.aio.Channel:
        """A channel with a connection of its own, closed with the server."""
        channel = grpc.aio.insecure_channel(
            f"127.0.0.1:{self.server.port}", options=[("grpc.use_local_subchannel_pool", 1)]
        )
        self._channels.append(channel)
        return channel

    async def __aenter__(self) -> "Served":
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels:
            await channel.close()
        await self.server.stop(0)


def method(channel: grpc.aio.Channel, shape: str, *, raw: bool = False) -> Any:
    """A stub of one method; `raw` sends bytes as they are."""
    return getattr(channel, shape)(
        f"/{SERVICE}/{shape}",
        request_serializer=None if raw else Timestamp.SerializeToString,
        response_deserializer=Timestamp.FromString,
    )


def open_call(channel: grpc.aio.Channel, shape: str, metadata: Any = ()) -> Any:
    """A call whose headers are sent, and no message: also for methods that want one at once, which a
    stub of their own shape would send."""
    return channel.stream_stream(
        f"/{SERVICE}/{shape}",
        request_serializer=Timestamp.SerializeToString,
        response_deserializer=Timestamp.FromString,
    )(metadata=metadata)
