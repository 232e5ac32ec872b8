"""A gRPC server with everything that an operator or a person with grpcurl expects on it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc_channelz.v1 import channelz, channelz_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from libs.rpc.access import access_control
from libs.rpc.denied_calls import DeniedCalls
from libs.rpc.interceptor import RpcInterceptor
from libs.rpc.permissions import RULES, Rule
from libs.rpc.readiness import Startup
from libs.rpc.reflection import add_reflection
from libs.rpc.server_options import server_options
from libs.runtime.settings import CommonSettings
from libs.stores.postgres import POSTGRES_DOWN
from libs.stores.redis_client import REDIS_DOWN
from libs.stores.watch import Needs, Store, StoreWatch, all_of

STORES_DOWN = (*REDIS_DOWN, *POSTGRES_DOWN)


@dataclass(frozen=True)
class Binding:
    """A servicer, the full name of its gRPC service, the generated function that adds it, the stores
    without which its health is NOT_SERVING, and what it has to do before it is SERVING at first."""

    name: str
    servicer: object
    add: Callable[[Any, Any], None]
    needs: Needs = field(default=Needs())
    startup: Startup | None = None


class _GenericHandlers:
    """Adds a servicer's handlers to a server, as the generated functions do, but registers no method with it:
    for each call, grpc.aio waits anew on one task for each registered method (ADR 24)."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Calls of these handlers' methods are answered."""
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Does nothing: the generic handlers have the same methods."""


class GrpcServer:
    """Serves some servicers together with health, reflection (v1, v1alpha) and channelz.

    Health has these names: the empty one says that the process answers, a service's full name that it
    has started up and the stores it needs answer, and a store's name (`redis`, `postgres`) that this
    store does.
    """

    def __init__(
        self,
        settings: CommonSettings,
        bindings: Sequence[Binding],
        stores: Sequence[Store] = (),
        rules: Mapping[str, Rule] = RULES,
        *,
        shares_port: bool = False,
        denials: DeniedCalls | None = None,
    ) -> None:
        """`denials` puts calls on record that are not permitted."""
        self._server = grpc.aio.server(
            options=server_options(settings, shares_port=shares_port),
            interceptors=[
                RpcInterceptor(access_control(settings, rules), settings, STORES_DOWN, denials)
            ],
        )
        self._needs = {
            "": Needs(),
            **{binding.name: binding.needs for binding in bindings},
            **{store.name: all_of(store.name) for store in stores},
        }
        handlers = _GenericHandlers(self._server)
        for binding in bindings:
            binding.add(binding.servicer, handlers)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, handlers)
        channelz_pb2_grpc.add_ChannelzServicer_to_server(channelz.aio.ChannelzServicer(), handlers)
        add_reflection(handlers, [*(binding.name for binding in bindings), health.SERVICE_NAME])
        self._startups = {
            binding.name: binding.startup for binding in bindings if binding.startup is not None
        }
        self._starting: list[asyncio.Task[None]] = []
        self._away: Set[str] = frozenset()
        self._stores = StoreWatch(stores, settings.store_check_seconds, self._report)
        self.port = self._server.add_insecure_port(f"{settings.host}:{settings.port}")

    async def start(self) -> None:
        """Accepts calls; from the first one on, health says which stores answer."""
        await self._stores.start()
        self._starting = [
            asyncio.create_task(self._follow(startup), name=f"startup of {name}")
            for name, startup in self._startups.items()
        ]
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """Reports NOT_SERVING, refuses new calls, and gives those under way `grace_seconds`."""
        await self._stores.stop()
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for name in self._needs:
            await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.stop(grace_seconds)

    async def _follow(self, startup: Startup) -> None:
        await startup.wait()
        await self._report(self._away)

    async def _report(self, away: Set[str]) -> None:
        self._away = away
        for name, needs in self._needs.items():
            startup = self._startups.get(name)
            ready = startup is None or not startup.holds_back(away)
            await self._health.set(
                name,
                health_pb2.HealthCheckResponse.SERVING
                if ready and needs.are_met(away)
                else health_pb2.HealthCheckResponse.NOT_SERVING,
            )
