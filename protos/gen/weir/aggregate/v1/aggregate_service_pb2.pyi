import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from weir.aggregate.v1 import behaviour_pb2 as _behaviour_pb2
from weir.aggregate.v1 import event_query_pb2 as _event_query_pb2
from weir.aggregate.v1 import gauge_pb2 as _gauge_pb2
from weir.aggregate.v1 import recount_pb2 as _recount_pb2
from weir.aggregate.v1 import metric_pb2 as _metric_pb2
from weir.aggregate.v1 import reliability_pb2 as _reliability_pb2
from weir.aggregate.v1 import verify_pb2 as _verify_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Period(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PERIOD_UNSPECIFIED: _ClassVar[Period]
    PERIOD_HOUR: _ClassVar[Period]
    PERIOD_DAY: _ClassVar[Period]
    PERIOD_WEEK: _ClassVar[Period]
    PERIOD_MONTH: _ClassVar[Period]
PERIOD_UNSPECIFIED: Period
PERIOD_HOUR: Period
PERIOD_DAY: Period
PERIOD_WEEK: Period
PERIOD_MONTH: Period

class Cell(_message.Message):
    __slots__ = ("bucket_start", "dimensions", "metrics", "bucket_end", "completeness")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    BUCKET_START_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    BUCKET_END_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    bucket_start: _timestamp_pb2.Timestamp
    dimensions: _struct_pb2.Struct
    metrics: _containers.ScalarMap[str, float]
    bucket_end: _timestamp_pb2.Timestamp
    completeness: _reliability_pb2.Completeness
    def __init__(self, bucket_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dimensions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., bucket_end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completeness: _Optional[_Union[_reliability_pb2.Completeness, str]] = ...) -> None: ...

class QueryRollupRequest(_message.Message):
    __slots__ = ("app_id", "rollup", "to", "dimensions", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLUP_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    rollup: str
    to: _timestamp_pb2.Timestamp
    dimensions: _struct_pb2.Struct
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., rollup: _Optional[str] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dimensions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class QueryRollupResponse(_message.Message):
    __slots__ = ("cells", "period", "next_page_token", "reliability", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: DimensionLabels
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[DimensionLabels, _Mapping]] = ...) -> None: ...
    CELLS_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    cells: _containers.RepeatedCompositeFieldContainer[Cell]
    period: Period
    next_page_token: str
    reliability: _reliability_pb2.Reliability
    labels: _containers.MessageMap[str, DimensionLabels]
    def __init__(self, cells: _Optional[_Iterable[_Union[Cell, _Mapping]]] = ..., period: _Optional[_Union[Period, str]] = ..., next_page_token: _Optional[str] = ..., reliability: _Optional[_Union[_reliability_pb2.Reliability, _Mapping]] = ..., labels: _Optional[_Mapping[str, DimensionLabels]] = ...) -> None: ...

class DimensionLabels(_message.Message):
    __slots__ = ("values",)
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Label
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Label, _Mapping]] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.MessageMap[str, Label]
    def __init__(self, values: _Optional[_Mapping[str, Label]] = ...) -> None: ...

class Label(_message.Message):
    __slots__ = ("name", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...

class WatchRollupsRequest(_message.Message):
    __slots__ = ("app_id", "rollups")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    ROLLUPS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    rollups: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, app_id: _Optional[str] = ..., rollups: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchRollupsResponse(_message.Message):
    __slots__ = ("cells",)
    CELLS_FIELD_NUMBER: _ClassVar[int]
    cells: _containers.RepeatedCompositeFieldContainer[WatchedCell]
    def __init__(self, cells: _Optional[_Iterable[_Union[WatchedCell, _Mapping]]] = ...) -> None: ...

class WatchedCell(_message.Message):
    __slots__ = ("rollup", "cell")
    ROLLUP_FIELD_NUMBER: _ClassVar[int]
    CELL_FIELD_NUMBER: _ClassVar[int]
    rollup: str
    cell: Cell
    def __init__(self, rollup: _Optional[str] = ..., cell: _Optional[_Union[Cell, _Mapping]] = ...) -> None: ...

class QueryCohortRetentionRequest(_message.Message):
    __slots__ = ("app_id", "period", "to", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    period: Period
    to: _timestamp_pb2.Timestamp
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., period: _Optional[_Union[Period, str]] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class QueryCohortRetentionResponse(_message.Message):
    __slots__ = ("cohorts", "next_page_token")
    COHORTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    cohorts: _containers.RepeatedCompositeFieldContainer[Cohort]
    next_page_token: str
    def __init__(self, cohorts: _Optional[_Iterable[_Union[Cohort, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Cohort(_message.Message):
    __slots__ = ("start", "size", "active")
    START_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    start: _timestamp_pb2.Timestamp
    size: int
    active: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., size: _Optional[int] = ..., active: _Optional[_Iterable[int]] = ...) -> None: ...

class ListRollupsRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class ListRollupsResponse(_message.Message):
    __slots__ = ("rollups",)
    ROLLUPS_FIELD_NUMBER: _ClassVar[int]
    rollups: _containers.RepeatedCompositeFieldContainer[RollupSummary]
    def __init__(self, rollups: _Optional[_Iterable[_Union[RollupSummary, _Mapping]]] = ...) -> None: ...

class RollupSummary(_message.Message):
    __slots__ = ("rollup", "period", "dimensions", "metrics", "dirty_buckets", "final_until", "sealed_before", "retention_days", "kept_from")
    ROLLUP_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    DIRTY_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    FINAL_UNTIL_FIELD_NUMBER: _ClassVar[int]
    SEALED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    KEPT_FROM_FIELD_NUMBER: _ClassVar[int]
    rollup: str
    period: Period
    dimensions: _containers.RepeatedScalarFieldContainer[str]
    metrics: _containers.RepeatedScalarFieldContainer[str]
    dirty_buckets: int
    final_until: _timestamp_pb2.Timestamp
    sealed_before: _timestamp_pb2.Timestamp
    retention_days: int
    kept_from: _timestamp_pb2.Timestamp
    def __init__(self, rollup: _Optional[str] = ..., period: _Optional[_Union[Period, str]] = ..., dimensions: _Optional[_Iterable[str]] = ..., metrics: _Optional[_Iterable[str]] = ..., dirty_buckets: _Optional[int] = ..., final_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sealed_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., retention_days: _Optional[int] = ..., kept_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
