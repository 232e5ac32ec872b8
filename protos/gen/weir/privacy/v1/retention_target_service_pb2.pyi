import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RetentionAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RETENTION_ACTION_UNSPECIFIED: _ClassVar[RetentionAction]
    RETENTION_ACTION_REMOVE: _ClassVar[RetentionAction]
    RETENTION_ACTION_ANONYMIZE: _ClassVar[RetentionAction]
RETENTION_ACTION_UNSPECIFIED: RetentionAction
RETENTION_ACTION_REMOVE: RetentionAction
RETENTION_ACTION_ANONYMIZE: RetentionAction

class ListOverdueRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class ListOverdueResponse(_message.Message):
    __slots__ = ("overdue",)
    OVERDUE_FIELD_NUMBER: _ClassVar[int]
    overdue: _containers.RepeatedCompositeFieldContainer[OverdueData]
    def __init__(self, overdue: _Optional[_Iterable[_Union[OverdueData, _Mapping]]] = ...) -> None: ...

class OverdueData(_message.Message):
    __slots__ = ("store", "app_id", "kind", "action", "limit_days", "rows", "oldest", "kept_because")
    STORE_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    LIMIT_DAYS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    KEPT_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    store: str
    app_id: str
    kind: str
    action: RetentionAction
    limit_days: int
    rows: int
    oldest: _timestamp_pb2.Timestamp
    kept_because: str
    def __init__(self, store: _Optional[str] = ..., app_id: _Optional[str] = ..., kind: _Optional[str] = ..., action: _Optional[_Union[RetentionAction, str]] = ..., limit_days: _Optional[int] = ..., rows: _Optional[int] = ..., oldest: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kept_because: _Optional[str] = ...) -> None: ...

class ListLimitsRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class ListLimitsResponse(_message.Message):
    __slots__ = ("limits",)
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    limits: _containers.RepeatedCompositeFieldContainer[RetentionLimit]
    def __init__(self, limits: _Optional[_Iterable[_Union[RetentionLimit, _Mapping]]] = ...) -> None: ...

class RetentionLimit(_message.Message):
    __slots__ = ("store", "app_id", "kind", "action", "limit_days", "set_by", "job")
    STORE_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    LIMIT_DAYS_FIELD_NUMBER: _ClassVar[int]
    SET_BY_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    store: str
    app_id: str
    kind: str
    action: RetentionAction
    limit_days: int
    set_by: str
    job: str
    def __init__(self, store: _Optional[str] = ..., app_id: _Optional[str] = ..., kind: _Optional[str] = ..., action: _Optional[_Union[RetentionAction, str]] = ..., limit_days: _Optional[int] = ..., set_by: _Optional[str] = ..., job: _Optional[str] = ...) -> None: ...

class EndOverdueRequest(_message.Message):
    __slots__ = ("app_id", "requested_at")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    requested_at: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., requested_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EndOverdueResponse(_message.Message):
    __slots__ = ("steps", "is_done")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    IS_DONE_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[RetentionStep]
    is_done: bool
    def __init__(self, steps: _Optional[_Iterable[_Union[RetentionStep, _Mapping]]] = ..., is_done: _Optional[bool] = ...) -> None: ...

class RetentionStep(_message.Message):
    __slots__ = ("job", "outcome", "counts", "error")
    class CountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    JOB_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    job: str
    outcome: str
    counts: _containers.ScalarMap[str, int]
    error: str
    def __init__(self, job: _Optional[str] = ..., outcome: _Optional[str] = ..., counts: _Optional[_Mapping[str, int]] = ..., error: _Optional[str] = ...) -> None: ...
