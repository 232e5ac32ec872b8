"""A gRPC server with everything that an operator or a person with grpcurl expects on it."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import grpc
from grpc_channelz.v1 import channelz
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from libs.common.auth import BearerToken
from libs.common.channel_options import server_options
from libs.common.database import POSTGRES_DOWN
from libs.common.interceptor import RpcInterceptor
from libs.common.redis_client import REDIS_DOWN
from libs.common.settings import CommonSettings
from libs.common.store_watch import Needs, Store, StoreWatch, all_of

STORES_DOWN = (*REDIS_DOWN, *POSTGRES_DOWN)


@dataclass(frozen=True)
class Binding:
    """A servicer, the full name of its gRPC service, the generated function that adds it, and the stores
    without which its health is NOT_SERVING."""

    name: str
    servicer: object
    add: Callable[[Any, Any], None]
    needs: Needs = field(default=Needs())


class GrpcServer:
    """Serves some servicers together with health, reflection (v1, v1alpha) and channelz.

    Health has these names: the empty one says that the process answers, a service's full name that the
    stores it needs answer too, and a store's name (`redis`, `postgres`) that this store does.
    """

    def __init__(
        self, settings: CommonSettings, bindings: Sequence[Binding], stores: Sequence[Store] = ()
    ) -> None:
        token = BearerToken(
            settings.auth_token.get_secret_value(),
            development=settings.environment == "development",
        )
        self._server = grpc.aio.server(
            options=server_options(settings),
            interceptors=[RpcInterceptor(token, settings, STORES_DOWN)],
        )
        self._needs = {
            "": Needs(),
            **{binding.name: binding.needs for binding in bindings},
            **{store.name: all_of(store.name) for store in stores},
        }
        for binding in bindings:
            binding.add(binding.servicer, self._server)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        channelz.add_channelz_servicer(self._server)
        _add_reflection(self._server, [binding.name for binding in bindings])
        self._stores = StoreWatch(stores, settings.store_check_seconds, self._report)
        self.port = self._server.add_insecure_port(f"{settings.host}:{settings.port}")

    async def start(self) -> None:
        """Accepts calls; from the first one on, health says which stores answer."""
        await self._stores.start()
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """Reports NOT_SERVING, refuses new calls, and gives those under way `grace_seconds`."""
        await self._stores.stop()
        for name in self._needs:
            await self._health.set(name, health_pb2.HealthCheckResponse.NOT_SERVING)
        await self._server.stop(grace_seconds)

    async def _report(self, away: Set[str]) -> None:
        for name, needs in self._needs.items():
            met = needs.are_met(away)
            await self._health.set(
                name,
                health_pb2.HealthCheckResponse.SERVING
                if met
                else health_pb2.HealthCheckResponse.NOT_SERVING,
            )


def _add_reflection(server: grpc.aio.Server, names: Sequence[str]) -> None:
    listed = [*names, health.SERVICE_NAME, reflection.SERVICE_NAME]
    reflection.enable_server_reflection(listed, server)
    # grpcio-reflection serves v1alpha only; v1 is the same messages under another name.
    handler = grpc.stream_stream_rpc_method_handler(
        ReflectionServicer(listed).ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": handler}
            ),
        )
    )
