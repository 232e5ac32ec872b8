from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_APP_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_EVENT_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_SCHEMA_VERSION_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_FIELD_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_PROPERTIES_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_CLOCK_OUT_OF_RANGE: _ClassVar[ErrorReason]
    ERROR_REASON_PRODUCER_NOT_ALLOWED: _ClassVar[ErrorReason]
    ERROR_REASON_CONSENT_REFUSED: _ClassVar[ErrorReason]
    ERROR_REASON_CONSENT_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_CONSENT_STALE: _ClassVar[ErrorReason]
    ERROR_REASON_PURPOSE_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_BACKLOG_FULL: _ClassVar[ErrorReason]
    ERROR_REASON_LIMIT_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_STORE_UNAVAILABLE: _ClassVar[ErrorReason]
    ERROR_REASON_METRIC_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_ARGUMENT_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_DRAINING: _ClassVar[ErrorReason]
    ERROR_REASON_INTERNAL: _ClassVar[ErrorReason]
    ERROR_REASON_PROCESSING_FAILED: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_APP_UNKNOWN: ErrorReason
ERROR_REASON_EVENT_UNKNOWN: ErrorReason
ERROR_REASON_SCHEMA_VERSION_UNKNOWN: ErrorReason
ERROR_REASON_FIELD_INVALID: ErrorReason
ERROR_REASON_PROPERTIES_INVALID: ErrorReason
ERROR_REASON_CLOCK_OUT_OF_RANGE: ErrorReason
ERROR_REASON_PRODUCER_NOT_ALLOWED: ErrorReason
ERROR_REASON_CONSENT_REFUSED: ErrorReason
ERROR_REASON_CONSENT_UNAVAILABLE: ErrorReason
ERROR_REASON_CONSENT_STALE: ErrorReason
ERROR_REASON_PURPOSE_UNKNOWN: ErrorReason
ERROR_REASON_BACKLOG_FULL: ErrorReason
ERROR_REASON_LIMIT_EXCEEDED: ErrorReason
ERROR_REASON_TOKEN_INVALID: ErrorReason
ERROR_REASON_STORE_UNAVAILABLE: ErrorReason
ERROR_REASON_METRIC_UNKNOWN: ErrorReason
ERROR_REASON_ARGUMENT_INVALID: ErrorReason
ERROR_REASON_DRAINING: ErrorReason
ERROR_REASON_INTERNAL: ErrorReason
ERROR_REASON_PROCESSING_FAILED: ErrorReason
