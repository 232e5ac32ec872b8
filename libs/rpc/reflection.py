"""Server reflection, v1 and v1alpha: how grpcurl and others learn what a server has.

grpcio-reflection serves v1alpha only. v1 is the same messages in another package: its descriptor is made
from that of v1alpha here, and its calls are answered by the same servicer, since package names do not
travel with messages.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

_ALPHA_PACKAGE = reflection_pb2.DESCRIPTOR.package
_PACKAGE = "grpc.reflection.v1"
SERVICE_NAME = f"{_PACKAGE}.ServerReflection"


class TakesHandlers(Protocol):
    """A server, or what stands for it, as `add_reflection` needs it."""

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler], /) -> None:
        """Calls of these handlers' methods are answered."""


def add_reflection(server: TakesHandlers, names: Sequence[str]) -> None:
    """Adds both versions; `names` are the full names of the services to list beside them."""
    _describe_v1(descriptor_pool.Default())
    listed = [*names, SERVICE_NAME, reflection.SERVICE_NAME]
    handler = grpc.stream_stream_rpc_method_handler(
        ReflectionServicer(listed).ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    methods = {"ServerReflectionInfo": handler}
    for service in (SERVICE_NAME, reflection.SERVICE_NAME):
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))


def _describe_v1(pool: Any) -> None:
    """Adds the descriptor of v1 to the pool, unless it is there: once a library brings it, that one holds."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "grpc/reflection/v1/reflection.proto", _PACKAGE
    file.ClearField("options")
    for message in file.message_type:
        for field in message.field:
            if field.type_name:  # a number or a text has none, and must not get an empty one
                field.type_name = _renamed(field.type_name)
    for service in file.service:
        for method in service.method:
            method.input_type = _renamed(method.input_type)
            method.output_type = _renamed(method.output_type)
    try:
        pool.FindFileByName(file.name)
    except KeyError:
        pool.AddSerializedFile(file.SerializeToString())


def _renamed(type_name: str) -> str:
    return type_name.replace(f".{_ALPHA_PACKAGE}.", f".{_PACKAGE}.")
