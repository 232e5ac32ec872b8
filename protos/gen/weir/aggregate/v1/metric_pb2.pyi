import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from weir.aggregate.v1 import reliability_pb2 as _reliability_pb2
from weir.aggregate.v1 import time_frame_pb2 as _time_frame_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Confidence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONFIDENCE_UNSPECIFIED: _ClassVar[Confidence]
    CONFIDENCE_LOW: _ClassVar[Confidence]
    CONFIDENCE_MEDIUM: _ClassVar[Confidence]
    CONFIDENCE_HIGH: _ClassVar[Confidence]
CONFIDENCE_UNSPECIFIED: Confidence
CONFIDENCE_LOW: Confidence
CONFIDENCE_MEDIUM: Confidence
CONFIDENCE_HIGH: Confidence

class GetMetricRequest(_message.Message):
    __slots__ = ("app_id", "metric", "time", "dimensions", "subject_id", "total", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    metric: str
    time: _time_frame_pb2.TimeFrame
    dimensions: _struct_pb2.Struct
    subject_id: str
    total: bool
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., metric: _Optional[str] = ..., time: _Optional[_Union[_time_frame_pb2.TimeFrame, _Mapping]] = ..., dimensions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., subject_id: _Optional[str] = ..., total: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetMetricResponse(_message.Message):
    __slots__ = ("values", "next_page_token", "reliability", "sampling_rate")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    SAMPLING_RATE_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[MetricValue]
    next_page_token: str
    reliability: _reliability_pb2.Reliability
    sampling_rate: float
    def __init__(self, values: _Optional[_Iterable[_Union[MetricValue, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., reliability: _Optional[_Union[_reliability_pb2.Reliability, _Mapping]] = ..., sampling_rate: _Optional[float] = ...) -> None: ...

class MetricValue(_message.Message):
    __slots__ = ("period_start", "period_end", "dimensions", "value", "breakdown", "data_points", "confidence", "completeness")
    class BreakdownEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    PERIOD_START_FIELD_NUMBER: _ClassVar[int]
    PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_FIELD_NUMBER: _ClassVar[int]
    DATA_POINTS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    period_start: _timestamp_pb2.Timestamp
    period_end: _timestamp_pb2.Timestamp
    dimensions: _struct_pb2.Struct
    value: float
    breakdown: _containers.ScalarMap[str, float]
    data_points: int
    confidence: Confidence
    completeness: _reliability_pb2.Completeness
    def __init__(self, period_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dimensions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., value: _Optional[float] = ..., breakdown: _Optional[_Mapping[str, float]] = ..., data_points: _Optional[int] = ..., confidence: _Optional[_Union[Confidence, str]] = ..., completeness: _Optional[_Union[_reliability_pb2.Completeness, str]] = ...) -> None: ...
