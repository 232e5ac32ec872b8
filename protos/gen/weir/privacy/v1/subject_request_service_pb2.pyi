import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubjectRequestKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBJECT_REQUEST_KIND_UNSPECIFIED: _ClassVar[SubjectRequestKind]
    SUBJECT_REQUEST_KIND_EXPORT: _ClassVar[SubjectRequestKind]
    SUBJECT_REQUEST_KIND_ERASURE: _ClassVar[SubjectRequestKind]
    SUBJECT_REQUEST_KIND_RECTIFICATION: _ClassVar[SubjectRequestKind]

class SubjectRequestState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBJECT_REQUEST_STATE_UNSPECIFIED: _ClassVar[SubjectRequestState]
    SUBJECT_REQUEST_STATE_WAITING: _ClassVar[SubjectRequestState]
    SUBJECT_REQUEST_STATE_RUNNING: _ClassVar[SubjectRequestState]
    SUBJECT_REQUEST_STATE_DONE: _ClassVar[SubjectRequestState]
    SUBJECT_REQUEST_STATE_CANCELLED: _ClassVar[SubjectRequestState]
    SUBJECT_REQUEST_STATE_FAILED: _ClassVar[SubjectRequestState]

class SubjectStepState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBJECT_STEP_STATE_UNSPECIFIED: _ClassVar[SubjectStepState]
    SUBJECT_STEP_STATE_PENDING: _ClassVar[SubjectStepState]
    SUBJECT_STEP_STATE_RUNNING: _ClassVar[SubjectStepState]
    SUBJECT_STEP_STATE_DONE: _ClassVar[SubjectStepState]
SUBJECT_REQUEST_KIND_UNSPECIFIED: SubjectRequestKind
SUBJECT_REQUEST_KIND_EXPORT: SubjectRequestKind
SUBJECT_REQUEST_KIND_ERASURE: SubjectRequestKind
SUBJECT_REQUEST_KIND_RECTIFICATION: SubjectRequestKind
SUBJECT_REQUEST_STATE_UNSPECIFIED: SubjectRequestState
SUBJECT_REQUEST_STATE_WAITING: SubjectRequestState
SUBJECT_REQUEST_STATE_RUNNING: SubjectRequestState
SUBJECT_REQUEST_STATE_DONE: SubjectRequestState
SUBJECT_REQUEST_STATE_CANCELLED: SubjectRequestState
SUBJECT_REQUEST_STATE_FAILED: SubjectRequestState
SUBJECT_STEP_STATE_UNSPECIFIED: SubjectStepState
SUBJECT_STEP_STATE_PENDING: SubjectStepState
SUBJECT_STEP_STATE_RUNNING: SubjectStepState
SUBJECT_STEP_STATE_DONE: SubjectStepState

class SubjectRequest(_message.Message):
    __slots__ = ("request_id", "app_id", "kind", "state", "subject", "subject_id", "categories", "requester", "created_at", "due_at", "done_at", "expires_at", "steps_done", "steps_total", "steps", "failure", "receipt_json", "size_bytes", "sha256", "event_uuid", "rectified")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    DONE_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    STEPS_DONE_FIELD_NUMBER: _ClassVar[int]
    STEPS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_JSON_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    EVENT_UUID_FIELD_NUMBER: _ClassVar[int]
    RECTIFIED_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    app_id: str
    kind: SubjectRequestKind
    state: SubjectRequestState
    subject: str
    subject_id: str
    categories: _containers.RepeatedScalarFieldContainer[str]
    requester: str
    created_at: _timestamp_pb2.Timestamp
    due_at: _timestamp_pb2.Timestamp
    done_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    steps_done: int
    steps_total: int
    steps: _containers.RepeatedCompositeFieldContainer[SubjectRequestStep]
    failure: str
    receipt_json: str
    size_bytes: int
    sha256: bytes
    event_uuid: str
    rectified: _containers.RepeatedCompositeFieldContainer[RectifiedProperty]
    def __init__(self, request_id: _Optional[str] = ..., app_id: _Optional[str] = ..., kind: _Optional[_Union[SubjectRequestKind, str]] = ..., state: _Optional[_Union[SubjectRequestState, str]] = ..., subject: _Optional[str] = ..., subject_id: _Optional[str] = ..., categories: _Optional[_Iterable[str]] = ..., requester: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., done_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., steps_done: _Optional[int] = ..., steps_total: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[SubjectRequestStep, _Mapping]]] = ..., failure: _Optional[str] = ..., receipt_json: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[bytes] = ..., event_uuid: _Optional[str] = ..., rectified: _Optional[_Iterable[_Union[RectifiedProperty, _Mapping]]] = ...) -> None: ...

class RectifiedProperty(_message.Message):
    __slots__ = ("property", "hash_before", "hash_after")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    HASH_BEFORE_FIELD_NUMBER: _ClassVar[int]
    HASH_AFTER_FIELD_NUMBER: _ClassVar[int]
    property: str
    hash_before: str
    hash_after: str
    def __init__(self, property: _Optional[str] = ..., hash_before: _Optional[str] = ..., hash_after: _Optional[str] = ...) -> None: ...

class SubjectRequestStep(_message.Message):
    __slots__ = ("name", "service", "state", "stores")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STORES_FIELD_NUMBER: _ClassVar[int]
    name: str
    service: str
    state: SubjectStepState
    stores: _containers.RepeatedCompositeFieldContainer[SubjectStoreCounts]
    def __init__(self, name: _Optional[str] = ..., service: _Optional[str] = ..., state: _Optional[_Union[SubjectStepState, str]] = ..., stores: _Optional[_Iterable[_Union[SubjectStoreCounts, _Mapping]]] = ...) -> None: ...

class SubjectStoreCounts(_message.Message):
    __slots__ = ("store", "erased", "anonymized", "withheld", "withheld_because")
    STORE_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    ANONYMIZED_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    store: str
    erased: int
    anonymized: int
    withheld: int
    withheld_because: str
    def __init__(self, store: _Optional[str] = ..., erased: _Optional[int] = ..., anonymized: _Optional[int] = ..., withheld: _Optional[int] = ..., withheld_because: _Optional[str] = ...) -> None: ...

class CreateExportRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "request_id", "categories")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    request_id: str
    categories: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., request_id: _Optional[str] = ..., categories: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateExportResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: SubjectRequest
    def __init__(self, request: _Optional[_Union[SubjectRequest, _Mapping]] = ...) -> None: ...

class CreateErasureRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "request_id", "categories", "without_grace")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_GRACE_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    request_id: str
    categories: _containers.RepeatedScalarFieldContainer[str]
    without_grace: bool
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., request_id: _Optional[str] = ..., categories: _Optional[_Iterable[str]] = ..., without_grace: _Optional[bool] = ...) -> None: ...

class CreateErasureResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: SubjectRequest
    def __init__(self, request: _Optional[_Union[SubjectRequest, _Mapping]] = ...) -> None: ...

class CreateRectificationRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "request_id", "event_id", "changes")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    request_id: str
    event_id: str
    changes: _containers.RepeatedCompositeFieldContainer[PropertyChange]
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., request_id: _Optional[str] = ..., event_id: _Optional[str] = ..., changes: _Optional[_Iterable[_Union[PropertyChange, _Mapping]]] = ...) -> None: ...

class PropertyChange(_message.Message):
    __slots__ = ("property", "value_json", "removed")
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    property: str
    value_json: bytes
    removed: bool
    def __init__(self, property: _Optional[str] = ..., value_json: _Optional[bytes] = ..., removed: _Optional[bool] = ...) -> None: ...

class CreateRectificationResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: SubjectRequest
    def __init__(self, request: _Optional[_Union[SubjectRequest, _Mapping]] = ...) -> None: ...

class GetRequestRequest(_message.Message):
    __slots__ = ("app_id", "request_id")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    request_id: str
    def __init__(self, app_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: SubjectRequest
    def __init__(self, request: _Optional[_Union[SubjectRequest, _Mapping]] = ...) -> None: ...

class ListRequestsRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "kind", "state", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    kind: SubjectRequestKind
    state: SubjectRequestState
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., kind: _Optional[_Union[SubjectRequestKind, str]] = ..., state: _Optional[_Union[SubjectRequestState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRequestsResponse(_message.Message):
    __slots__ = ("requests", "next_page_token")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[SubjectRequest]
    next_page_token: str
    def __init__(self, requests: _Optional[_Iterable[_Union[SubjectRequest, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelRequestRequest(_message.Message):
    __slots__ = ("app_id", "request_id")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    request_id: str
    def __init__(self, app_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: SubjectRequest
    def __init__(self, request: _Optional[_Union[SubjectRequest, _Mapping]] = ...) -> None: ...

class DownloadExportRequest(_message.Message):
    __slots__ = ("app_id", "request_id", "offset")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    request_id: str
    offset: int
    def __init__(self, app_id: _Optional[str] = ..., request_id: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class DownloadExportResponse(_message.Message):
    __slots__ = ("offset", "chunk")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    offset: int
    chunk: bytes
    def __init__(self, offset: _Optional[int] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class PlaceHoldRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "reason")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    reason: str
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class PlaceHoldResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReleaseHoldRequest(_message.Message):
    __slots__ = ("app_id", "subject_id")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ...) -> None: ...

class ReleaseHoldResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RestrictProcessingRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "reason")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    reason: str
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RestrictProcessingResponse(_message.Message):
    __slots__ = ("token", "restricted_at")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_AT_FIELD_NUMBER: _ClassVar[int]
    token: str
    restricted_at: _timestamp_pb2.Timestamp
    def __init__(self, token: _Optional[str] = ..., restricted_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LiftRestrictionRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "reason")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    reason: str
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class LiftRestrictionResponse(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class ListRestrictedPeopleRequest(_message.Message):
    __slots__ = ("app_id", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRestrictedPeopleResponse(_message.Message):
    __slots__ = ("persons", "subject_ids", "next_page_token")
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_IDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    persons: _containers.RepeatedScalarFieldContainer[bytes]
    subject_ids: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    def __init__(self, persons: _Optional[_Iterable[bytes]] = ..., subject_ids: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListRestrictionsRequest(_message.Message):
    __slots__ = ("app_id", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRestrictionsResponse(_message.Message):
    __slots__ = ("subject_ids", "next_page_token")
    SUBJECT_IDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subject_ids: _containers.RepeatedScalarFieldContainer[str]
    next_page_token: str
    def __init__(self, subject_ids: _Optional[_Iterable[str]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
