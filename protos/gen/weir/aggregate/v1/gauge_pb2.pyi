import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from weir.aggregate.v1 import reliability_pb2 as _reliability_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueryGaugesRequest(_message.Message):
    __slots__ = ("app_id", "gauges", "dimensions")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    GAUGES_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    gauges: _containers.RepeatedScalarFieldContainer[str]
    dimensions: _struct_pb2.Struct
    def __init__(self, app_id: _Optional[str] = ..., gauges: _Optional[_Iterable[str]] = ..., dimensions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class QueryGaugesResponse(_message.Message):
    __slots__ = ("readings",)
    READINGS_FIELD_NUMBER: _ClassVar[int]
    readings: _containers.RepeatedCompositeFieldContainer[GaugeReading]
    def __init__(self, readings: _Optional[_Iterable[_Union[GaugeReading, _Mapping]]] = ...) -> None: ...

class GaugeReading(_message.Message):
    __slots__ = ("gauge", "value", "groups", "other", "moment", "reliability")
    GAUGE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    MOMENT_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    gauge: str
    value: int
    groups: _containers.RepeatedCompositeFieldContainer[GaugeGroup]
    other: int
    moment: _timestamp_pb2.Timestamp
    reliability: _reliability_pb2.Reliability
    def __init__(self, gauge: _Optional[str] = ..., value: _Optional[int] = ..., groups: _Optional[_Iterable[_Union[GaugeGroup, _Mapping]]] = ..., other: _Optional[int] = ..., moment: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reliability: _Optional[_Union[_reliability_pb2.Reliability, _Mapping]] = ...) -> None: ...

class GaugeGroup(_message.Message):
    __slots__ = ("dimensions", "value")
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    dimensions: _struct_pb2.Struct
    value: int
    def __init__(self, dimensions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., value: _Optional[int] = ...) -> None: ...

class WatchGaugesRequest(_message.Message):
    __slots__ = ("app_id", "gauges")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    GAUGES_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    gauges: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, app_id: _Optional[str] = ..., gauges: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchGaugesResponse(_message.Message):
    __slots__ = ("readings",)
    READINGS_FIELD_NUMBER: _ClassVar[int]
    readings: _containers.RepeatedCompositeFieldContainer[GaugeReading]
    def __init__(self, readings: _Optional[_Iterable[_Union[GaugeReading, _Mapping]]] = ...) -> None: ...
