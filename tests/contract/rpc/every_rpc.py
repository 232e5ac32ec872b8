"""All RPCs of Weir on one server, made from their descriptors: each answers about the apps of APPS."""

from collections.abc import AsyncIterator, Iterator, Mapping
from importlib import import_module
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from libs.common.errors import AppUnknown
from libs.rpc.principal import current_principal
from libs.rpc.server import Binding
from tests.support.repository import REPOSITORY

APPS = ("chess", "shogi")


def services() -> Iterator[ServiceDescriptor]:
    """The services of Weir, found by the files in protos/."""
    protos = REPOSITORY / "protos"
    for file in sorted(protos.glob("weir/**/*_service.proto")):
        name = ".".join(file.relative_to(protos).with_suffix("").parts)
        yield from import_module(f"{name}_pb2").DESCRIPTOR.services_by_name.values()


def methods() -> Mapping[str, MethodDescriptor]:
    """The RPCs of Weir, by the full name that calls have."""
    return {
        f"/{service.full_name}/{method.name}": method
        for service in services()
        for method in service.methods
    }


def request(method: MethodDescriptor, app_id: str) -> Any:
    """A request that names the app, and nothing else."""
    made: Any = message_factory.GetMessageClass(method.input_type)()
    (made.settings if method.name == "StreamEvents" else made).app_id = app_id
    return made


class Callers:
    """Notes who called, and answers; NOT_FOUND for an app that is not one of APPS."""

    def __init__(self) -> None:
        self.principals: list[str] = []

    def binding(self, service: ServiceDescriptor) -> Binding:
        """All RPCs of one service."""
        handlers = {method.name: self._handler(method) for method in service.methods}

        def add(_: object, server: grpc.aio.Server) -> None:
            handler = grpc.method_handlers_generic_handler(service.full_name, handlers)
            server.add_generic_rpc_handlers((handler,))

        return Binding(service.full_name, self, add)

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler:
        response = message_factory.GetMessageClass(method.output_type)

        def answer(message: Any) -> Any:
            self.principals.append(current_principal().name)
            app_id = (message.settings if method.name == "StreamEvents" else message).app_id
            if app_id not in APPS:
                raise AppUnknown(app_id)
            return response()

        async def one(message: Any, _: Any) -> Any:
            return answer(message)

        async def many(messages: Any, _: Any) -> AsyncIterator[Any]:
            if not method.client_streaming:
                yield answer(messages)
                return
            async for message in messages:
                yield answer(message)

        codec = (
            message_factory.GetMessageClass(method.input_type).FromString,
            response.SerializeToString,
        )
        if method.client_streaming:
            return grpc.stream_stream_rpc_method_handler(many, *codec)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(many, *codec)
        return grpc.unary_unary_rpc_method_handler(one, *codec)
