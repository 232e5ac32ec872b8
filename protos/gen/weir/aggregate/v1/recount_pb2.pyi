import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BackfillRollupsRequest(_message.Message):
    __slots__ = ("app_id", "rollups", "to")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLUPS_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    rollups: _containers.RepeatedScalarFieldContainer[str]
    to: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., rollups: _Optional[_Iterable[str]] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., **kwargs) -> None: ...

class BackfillRollupsResponse(_message.Message):
    __slots__ = ("buckets_marked", "buckets_sealed")
    BUCKETS_MARKED_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_SEALED_FIELD_NUMBER: _ClassVar[int]
    buckets_marked: int
    buckets_sealed: int
    def __init__(self, buckets_marked: _Optional[int] = ..., buckets_sealed: _Optional[int] = ...) -> None: ...
