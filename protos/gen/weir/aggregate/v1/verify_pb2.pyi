import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MeasurePart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEASURE_PART_UNSPECIFIED: _ClassVar[MeasurePart]
    MEASURE_PART_COUNT: _ClassVar[MeasurePart]
    MEASURE_PART_TOTAL: _ClassVar[MeasurePart]
    MEASURE_PART_MINIMUM: _ClassVar[MeasurePart]
    MEASURE_PART_MAXIMUM: _ClassVar[MeasurePart]
    MEASURE_PART_MEMBERS: _ClassVar[MeasurePart]
    MEASURE_PART_BINS: _ClassVar[MeasurePart]
    MEASURE_PART_EDGE: _ClassVar[MeasurePart]
MEASURE_PART_UNSPECIFIED: MeasurePart
MEASURE_PART_COUNT: MeasurePart
MEASURE_PART_TOTAL: MeasurePart
MEASURE_PART_MINIMUM: MeasurePart
MEASURE_PART_MAXIMUM: MeasurePart
MEASURE_PART_MEMBERS: MeasurePart
MEASURE_PART_BINS: MeasurePart
MEASURE_PART_EDGE: MeasurePart

class VerifyRollupsRequest(_message.Message):
    __slots__ = ("app_id", "rollups", "to", "wait_seconds")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLUPS_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    WAIT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    rollups: _containers.RepeatedScalarFieldContainer[str]
    to: _timestamp_pb2.Timestamp
    wait_seconds: int
    def __init__(self, app_id: _Optional[str] = ..., rollups: _Optional[_Iterable[str]] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wait_seconds: _Optional[int] = ..., **kwargs) -> None: ...

class VerifyRollupsResponse(_message.Message):
    __slots__ = ("difference", "summary")
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    difference: VerifyDifference
    summary: VerifySummary
    def __init__(self, difference: _Optional[_Union[VerifyDifference, _Mapping]] = ..., summary: _Optional[_Union[VerifySummary, _Mapping]] = ...) -> None: ...

class VerifyDifference(_message.Message):
    __slots__ = ("rollup", "bucket_start", "dimensions", "metric", "part", "counted", "recounted")
    ROLLUP_FIELD_NUMBER: _ClassVar[int]
    BUCKET_START_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    RECOUNTED_FIELD_NUMBER: _ClassVar[int]
    rollup: str
    bucket_start: _timestamp_pb2.Timestamp
    dimensions: _struct_pb2.Struct
    metric: str
    part: MeasurePart
    counted: float
    recounted: float
    def __init__(self, rollup: _Optional[str] = ..., bucket_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dimensions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., metric: _Optional[str] = ..., part: _Optional[_Union[MeasurePart, str]] = ..., counted: _Optional[float] = ..., recounted: _Optional[float] = ...) -> None: ...

class VerifySummary(_message.Message):
    __slots__ = ("cells_compared", "cells_different", "cells_sealed", "cells_unsettled")
    CELLS_COMPARED_FIELD_NUMBER: _ClassVar[int]
    CELLS_DIFFERENT_FIELD_NUMBER: _ClassVar[int]
    CELLS_SEALED_FIELD_NUMBER: _ClassVar[int]
    CELLS_UNSETTLED_FIELD_NUMBER: _ClassVar[int]
    cells_compared: int
    cells_different: int
    cells_sealed: int
    cells_unsettled: int
    def __init__(self, cells_compared: _Optional[int] = ..., cells_different: _Optional[int] = ..., cells_sealed: _Optional[int] = ..., cells_unsettled: _Optional[int] = ...) -> None: ...
