import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from weir.privacy.v1 import retention_target_service_pb2 as _retention_target_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RetentionRunState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RETENTION_RUN_STATE_UNSPECIFIED: _ClassVar[RetentionRunState]
    RETENTION_RUN_STATE_RUNNING: _ClassVar[RetentionRunState]
    RETENTION_RUN_STATE_DONE: _ClassVar[RetentionRunState]
    RETENTION_RUN_STATE_FAILED: _ClassVar[RetentionRunState]
RETENTION_RUN_STATE_UNSPECIFIED: RetentionRunState
RETENTION_RUN_STATE_RUNNING: RetentionRunState
RETENTION_RUN_STATE_DONE: RetentionRunState
RETENTION_RUN_STATE_FAILED: RetentionRunState

class ListPoliciesRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class ListPoliciesResponse(_message.Message):
    __slots__ = ("limits",)
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    limits: _containers.RepeatedCompositeFieldContainer[_retention_target_service_pb2.RetentionLimit]
    def __init__(self, limits: _Optional[_Iterable[_Union[_retention_target_service_pb2.RetentionLimit, _Mapping]]] = ...) -> None: ...

class PreviewRunRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class PreviewRunResponse(_message.Message):
    __slots__ = ("overdue",)
    OVERDUE_FIELD_NUMBER: _ClassVar[int]
    overdue: _containers.RepeatedCompositeFieldContainer[_retention_target_service_pb2.OverdueData]
    def __init__(self, overdue: _Optional[_Iterable[_Union[_retention_target_service_pb2.OverdueData, _Mapping]]] = ...) -> None: ...

class RunRequest(_message.Message):
    __slots__ = ("app_id", "request_id")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    request_id: str
    def __init__(self, app_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: RetentionRun
    def __init__(self, run: _Optional[_Union[RetentionRun, _Mapping]] = ...) -> None: ...

class RetentionRun(_message.Message):
    __slots__ = ("request_id", "requested_by", "requested_at", "finished_at", "state", "steps", "waiting_because")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    WAITING_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    requested_by: str
    requested_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    state: RetentionRunState
    steps: _containers.RepeatedCompositeFieldContainer[_retention_target_service_pb2.RetentionStep]
    waiting_because: str
    def __init__(self, request_id: _Optional[str] = ..., requested_by: _Optional[str] = ..., requested_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[RetentionRunState, str]] = ..., steps: _Optional[_Iterable[_Union[_retention_target_service_pb2.RetentionStep, _Mapping]]] = ..., waiting_because: _Optional[str] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("app_id", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[RetentionRun]
    next_page_token: str
    def __init__(self, runs: _Optional[_Iterable[_Union[RetentionRun, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
