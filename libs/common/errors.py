"""Errors that a caller may see; each knows its reason, and one interceptor turns them into statuses."""

from collections.abc import Collection, Mapping

from weir.common.v1 import error_reason_pb2

DOMAIN = "weir"
_LONGEST_VALUE = 128
_LISTED = 20


class WeirError(Exception):
    """A refusal with a reason from `weir.common.v1.ErrorReason`.

    `code` is the name of a gRPC status code, `reason` the enum value's name without its prefix,
    `field` the path of the argument at fault (empty where none is), `retry_after_seconds` how long a
    caller should wait before it tries again (0: trying again will not help).
    """

    code = "INTERNAL"
    default_reason = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after_seconds: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.field = field
        # Cut: they often come from outside, and an answer has to fit into the trailing metadata.
        self.metadata = {name: value[:_LONGEST_VALUE] for name, value in (metadata or {}).items()}
        self.retry_after_seconds = retry_after_seconds
        # A misspelt reason must fail where it is written, not at a client.
        error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{self.reason}")


class InvalidArgument(WeirError):
    """An argument of the call is missing or malformed."""

    code = "INVALID_ARGUMENT"
    default_reason = "ARGUMENT_INVALID"


class UnreadableMessage(InvalidArgument):
    """The bytes of a message are no message of the method's type."""

    default_reason = "MESSAGE_UNREADABLE"

    def __init__(self) -> None:
        super().__init__("the bytes are no message of this method's type")


class DeadlineExceeded(WeirError):
    """The call took longer than the service permits; `metadata` names the limit."""

    code = "DEADLINE_EXCEEDED"
    default_reason = "CALL_TIMED_OUT"


class NotFound(WeirError):
    """What the call names does not exist, or not for this caller."""

    code = "NOT_FOUND"

    def __init__(
        self, message: str, *, reason: str, metadata: Mapping[str, str], known: Collection[str]
    ) -> None:
        """The message ends with what there is instead, `known`."""
        # Cut as well: it grows with somebody's catalogs.
        first = sorted(known)[:_LISTED]
        more = [f"{len(known) - _LISTED} more"] if len(known) > _LISTED else []
        there = ", ".join([*first, *more]) or "none"
        super().__init__(f"{message}; there are {there}", reason=reason, metadata=metadata)


class AppUnknown(NotFound):
    """No catalog is loaded for the app."""

    def __init__(self, app_id: str, known: Collection[str]) -> None:
        super().__init__(
            "no catalog is loaded for this app",
            reason="APP_UNKNOWN",
            metadata={"app_id": app_id},
            known=known,
        )


class FailedPrecondition(WeirError):
    """The state of things does not allow it: a person has not consented."""

    code = "FAILED_PRECONDITION"
    default_reason = "CONSENT_DENIED"


class Unauthenticated(WeirError):
    """No token, or not a valid one."""

    code = "UNAUTHENTICATED"
    default_reason = "TOKEN_INVALID"


class ResourceExhausted(WeirError):
    """A limit is reached; where it is a matter of time, `retry_after_seconds` says how long."""

    code = "RESOURCE_EXHAUSTED"
    default_reason = "LIMIT_EXCEEDED"


class Unavailable(WeirError):
    """A store does not answer, or not with a state new enough."""

    code = "UNAVAILABLE"
    default_reason = "STORE_UNAVAILABLE"


class ConfigurationError(Exception):
    """The service must not start with these settings; the message says which and why."""
