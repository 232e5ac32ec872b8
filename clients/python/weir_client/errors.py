"""What a refused call says, in words that a person can act on."""

from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"


@dataclass(frozen=True, slots=True)
class CallProblem:
    """A status unpacked: the code's name, the message, the reason and the field if there is one, and how
    long the server asks to wait before another attempt (0: it does not say that one may succeed)."""

    code: str
    message: str
    reason: str = ""
    field: str = ""
    retry_after_seconds: float = 0.0

    def __str__(self) -> str:
        field = f" ({self.field})" if self.field else ""
        reason = self.reason or self.code
        return f"{reason}{field}: {self.message}"


def describe_error(error: grpc.RpcError) -> CallProblem:
    """The problem behind a failed call."""
    status = _sent_status(error)
    if status is None:
        return CallProblem(error.code().name, error.details() or "")
    return describe_status(status)


def _sent_status(error: grpc.RpcError) -> status_pb2.Status | None:
    """The `google.rpc.Status` that came with the call's end; None if there is none, or one that cannot be
    read, or one about another code (a proxy may have replaced the server's)."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            try:
                status = status_pb2.Status.FromString(value)
            except DecodeError:
                return None
            return status if status.code == error.code().value[0] else None
    return None


def describe_status(status: status_pb2.Status) -> CallProblem:
    """The problem in a `google.rpc.Status`, for example of one event's result."""
    code = next((code.name for code in grpc.StatusCode if code.value[0] == status.code), "UNKNOWN")
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details:
        for message in (info, retry):
            # Does nothing unless the detail is of the message's type.
            detail.Unpack(message)
    return CallProblem(
        code,
        status.message,
        info.reason,
        info.metadata.get("field", ""),
        retry.retry_delay.ToTimedelta().total_seconds(),
    )


def event_too_large(limit_bytes: int) -> status_pb2.Status:
    """What the server would say of an event that no frame can carry."""
    status = status_pb2.Status(
        code=code_pb2.RESOURCE_EXHAUSTED, message=f"an event has at most {limit_bytes} bytes"
    )
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(
            reason="LIMIT_EXCEEDED",
            domain="weir",
            metadata={"limit": "max_bytes", "value": str(limit_bytes)},
        )
    )
    return status
