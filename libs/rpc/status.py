"""Domain errors as `google.rpc.Status`: the one place where reasons become wire details."""

import math

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from libs.common.errors import (
    DOMAIN,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    WeirError,
)

DETAILS_KEY = "grpc-status-details-bin"
# How long a client with a retry policy is to wait; less than 0: it must not try again (gRFC A6).
RETRY_PUSHBACK_KEY = "grpc-retry-pushback-ms"


def duration(seconds: float) -> duration_pb2.Duration:
    """`seconds` as a protobuf Duration, to the nanosecond."""
    fraction, whole = math.modf(seconds)
    return duration_pb2.Duration(seconds=int(whole), nanos=int(fraction * 1e9))


def status_code(error: WeirError) -> grpc.StatusCode:
    """The gRPC code that the error's class stands for."""
    return grpc.StatusCode[error.code]


def rpc_status(error: WeirError) -> status_pb2.Status:
    """The error with ErrorInfo, and with BadRequest and RetryInfo where they fit."""
    details = [
        error_details_pb2.ErrorInfo(
            reason=error.reason,
            domain=DOMAIN,
            metadata={**error.metadata, **({"field": error.field} if error.field else {})},
        )
    ]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.message, reason=error.reason
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_after_seconds:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration(error.retry_after_seconds)))
    return status_pb2.Status(
        code=status_code(error).value[0], message=error.message, details=map(pack, details)
    )


def pack(message: Message) -> any_pb2.Any:
    """A message as `google.protobuf.Any`."""
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


async def abort(context: grpc.aio.ServicerContext, error: WeirError) -> None:
    """Ends the call with the error's status and details; never returns."""
    metadata: list[tuple[str, str | bytes]] = [(DETAILS_KEY, rpc_status(error).SerializeToString())]
    if status_code(error) is grpc.StatusCode.RESOURCE_EXHAUSTED:
        # A full backlog and a batch that is too large have one code; only the first passes with time.
        wait_ms = int(error.retry_after_seconds * 1000) or -1
        metadata.append((RETRY_PUSHBACK_KEY, str(wait_ms)))
    await context.abort(status_code(error), error.message, trailing_metadata=tuple(metadata))


def caller_error_of(error: grpc.aio.AioRpcError) -> WeirError | None:
    """The error of another service that its caller is to see: what the request asks for cannot be done. None
    for anything else, such as a service that is away."""
    packed = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
    if not isinstance(packed, bytes):
        return None
    message = error.details() or ""
    for detail in status_pb2.Status.FromString(packed).details:
        info = error_details_pb2.ErrorInfo()
        if not detail.Unpack(info) or info.domain != DOMAIN:
            continue
        match error.code():
            case grpc.StatusCode.INVALID_ARGUMENT:
                field = info.metadata.get("field", "")
                return InvalidArgument(message, reason=info.reason, field=field)
            case grpc.StatusCode.NOT_FOUND:
                return NotFound(message, reason=info.reason, metadata={})
            case grpc.StatusCode.FAILED_PRECONDITION:
                return FailedPrecondition(message, reason=info.reason)
    return None
