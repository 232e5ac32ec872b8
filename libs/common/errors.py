"""Errors that a caller may see; each knows its reason, and one interceptor turns them into statuses."""

from collections.abc import Collection, Mapping
from typing import ClassVar, Literal

from weir.common.v1 import error_reason_pb2

DOMAIN = "weir"
_LONGEST_VALUE = 128
_LISTED = 20

# The names of gRPC's status codes that are errors, so that a misspelt one fails in mypy.
Code = Literal[
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]


class WeirError(Exception):
    """An error with a reason from `weir.common.v1.ErrorReason`.

    `code` is the name of a gRPC status code, `reason` the enum value's name without its prefix,
    `field` the path of the argument at fault (empty if none is), `retry_after_seconds` how long a
    caller should wait before it tries again (0: trying again will not help).
    """

    code: ClassVar[Code] = "INTERNAL"
    default_reason: ClassVar[str] = "INTERNAL"

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


class PageTokenInvalid(InvalidArgument):
    """The page token was not given out by this call with these parameters."""

    default_reason = "PAGE_TOKEN_INVALID"

    def __init__(
        self,
        message: str = "was not given out by this call with these parameters",
        *,
        field: str = "page_token",
    ) -> None:
        super().__init__(message, field=field)


class PageTokenExpired(InvalidArgument):
    """The page token is too old; `hours` is how long one is valid."""

    default_reason = "PAGE_TOKEN_EXPIRED"

    def __init__(self, hours: int, *, field: str = "page_token") -> None:
        super().__init__(
            f"is older than {hours} h: begin again without one",
            field=field,
            metadata={"valid_hours": str(hours)},
        )


class DeadlineExceeded(WeirError):
    """The call took longer than the service permits."""

    code = "DEADLINE_EXCEEDED"
    default_reason = "CALL_TIMED_OUT"

    def __init__(self, message: str, *, limit: str, seconds: float) -> None:
        """`limit` is the name of the setting, `seconds` its value."""
        super().__init__(message, metadata=_limit(limit, f"{seconds:g}"))


class NotFound(WeirError):
    """What the call names does not exist, or not for this caller: the two are not distinguished."""

    code = "NOT_FOUND"

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        metadata: Mapping[str, str],
        known: Collection[str] | None = None,
    ) -> None:
        """If `known` is given, the message ends with these names: only for what every caller that gets this
        error may know."""
        if known is not None:
            # Cut as well: it grows with the catalogs.
            first = sorted(known)[:_LISTED]
            more = [f"{len(known) - _LISTED} more"] if len(known) > _LISTED else []
            message += f"; there are {', '.join([*first, *more]) or 'none'}"
        super().__init__(message, reason=reason, metadata=metadata)


class AppUnknown(NotFound):
    """No catalog is loaded for the app, or the caller may not see it."""

    def __init__(self, app_id: str) -> None:
        super().__init__(
            "no catalog is loaded for this app", reason="APP_UNKNOWN", metadata={"app_id": app_id}
        )


class AlreadyExists(WeirError):
    """What the call would make is there already, and differs."""

    code = "ALREADY_EXISTS"
    default_reason = "ALREADY_EXISTS"


class Aborted(WeirError):
    """Another call changed the same thing meanwhile: read it again, and repeat the call."""

    code = "ABORTED"
    default_reason = "CONFLICT"


class FailedPrecondition(WeirError):
    """The state of things does not allow it: a person has not consented."""

    code = "FAILED_PRECONDITION"
    default_reason = "CONSENT_DENIED"


class ChangesForgotten(FailedPrecondition):
    """A watcher's token is of changes that are no longer there to go on from."""

    default_reason = "WATCH_TOKEN_EXPIRED"

    def __init__(self) -> None:
        super().__init__(
            "what changed since this token is no longer kept: watch without a token, with `from_beginning`, "
            "and take what you hold for out of date until then",
            field="resume_token",
        )


class Unauthenticated(WeirError):
    """No token, or not a valid one."""

    code = "UNAUTHENTICATED"
    default_reason = "TOKEN_INVALID"


class PermissionDenied(WeirError):
    """The caller is known, and may not make this call."""

    code = "PERMISSION_DENIED"
    default_reason = "PERMISSION_DENIED"


class ResourceExhausted(WeirError):
    """There is no room; if it is a matter of time, `retry_after_seconds` says how long."""

    code = "RESOURCE_EXHAUSTED"
    default_reason = "LIMIT_EXCEEDED"


class LimitExceeded(ResourceExhausted):
    """A limit that has a name is reached."""

    def __init__(
        self, message: str, *, limit: str, value: int, retry_after_seconds: float = 0.0
    ) -> None:
        """`limit` is the name of the setting or field that says how much there may be, `value` how much."""
        super().__init__(
            message, metadata=_limit(limit, str(value)), retry_after_seconds=retry_after_seconds
        )


class Unavailable(WeirError):
    """A store does not answer, or not with a state new enough."""

    code = "UNAVAILABLE"
    default_reason = "STORE_UNAVAILABLE"


class ConfigurationError(Exception):
    """The service must not start with these settings; the message says which and why."""


def _limit(name: str, value: str) -> Mapping[str, str]:
    return {"limit": name, "value": value}
