import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Completeness(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPLETENESS_UNSPECIFIED: _ClassVar[Completeness]
    COMPLETENESS_PROVISIONAL: _ClassVar[Completeness]
    COMPLETENESS_FINAL: _ClassVar[Completeness]
COMPLETENESS_UNSPECIFIED: Completeness
COMPLETENESS_PROVISIONAL: Completeness
COMPLETENESS_FINAL: Completeness

class Reliability(_message.Message):
    __slots__ = ("completeness", "watermark", "calculated_at", "sampling_rate", "cut")
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    CALCULATED_AT_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_RATE_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    completeness: Completeness
    watermark: _timestamp_pb2.Timestamp
    calculated_at: _timestamp_pb2.Timestamp
    sampling_rate: float
    cut: Cut
    def __init__(self, completeness: _Optional[_Union[Completeness, str]] = ..., watermark: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., calculated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sampling_rate: _Optional[float] = ..., cut: _Optional[_Union[Cut, _Mapping]] = ...) -> None: ...

class Cut(_message.Message):
    __slots__ = ("limit", "value", "detail")
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    limit: str
    value: int
    detail: str
    def __init__(self, limit: _Optional[str] = ..., value: _Optional[int] = ..., detail: _Optional[str] = ...) -> None: ...
