"""Calls of one service to the others: their addresses, the suite's token, a deadline."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc

from libs.rpc.channels import Calls, channel_options
from libs.runtime.settings import PeerSettings

# Longer than a service takes to notice that a store is away, shorter than `max_call_seconds`.
_SECONDS = 20.0


class Peers:
    """Channels to the other services, opened when they are first used. A service that is away is not missed
    before it is called: then its calls raise grpc.aio.AioRpcError with UNAVAILABLE."""

    def __init__(self, settings: PeerSettings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._token = settings.auth_token.get_secret_value()
        self._channels: dict[str, grpc.aio.Channel] = {}
        stack.push_async_callback(self._close)

    def calls(
        self, service: str, make_stub: Callable[[grpc.aio.Channel], Any], seconds: float = _SECONDS
    ) -> Calls:
        """The calls of a gRPC service at `ingest`, `enrich`, `aggregate` or `privacy`."""
        return Calls(make_stub(self._channel(service)), self._token, seconds=seconds)

    def _channel(self, service: str) -> grpc.aio.Channel:
        if service not in self._channels:
            address: str = getattr(self._settings, f"{service}_address")
            self._channels[service] = grpc.aio.insecure_channel(
                address, options=channel_options(address)
            )
        return self._channels[service]

    async def _close(self) -> None:
        for channel in self._channels.values():
            await channel.close()
