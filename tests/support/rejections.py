"""What a refused call says."""

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status


def details_of(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    """The ErrorInfo of a failed call."""
    info = error_details_pb2.ErrorInfo()
    is_aio = isinstance(error, grpc.aio.AioRpcError)
    status = aio_rpc_status(error) if is_aio else rpc_status.from_call(error)
    assert status is not None
    assert status.details[0].Unpack(info)
    return info


def reason_of(error: grpc.RpcError) -> tuple[str, str, str]:
    """A failed call's code, reason and field."""
    info = details_of(error)
    return error.code().name, info.reason, info.metadata.get("field", "")


def aio_rpc_status(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    """`grpc_status.rpc_status.from_call` for errors of grpc.aio."""
    for key, value in error.trailing_metadata() or ():
        if key == rpc_status.GRPC_DETAILS_METADATA_KEY:
            return status_pb2.Status.FromString(value)
    return None
