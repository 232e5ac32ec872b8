import datetime

from google.protobuf import duration_pb2 as _duration_pb2
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

class FunnelOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FUNNEL_ORDER_UNSPECIFIED: _ClassVar[FunnelOrder]
    FUNNEL_ORDER_STRICT: _ClassVar[FunnelOrder]
    FUNNEL_ORDER_ANY: _ClassVar[FunnelOrder]

class CohortPeriod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COHORT_PERIOD_UNSPECIFIED: _ClassVar[CohortPeriod]
    COHORT_PERIOD_DAY: _ClassVar[CohortPeriod]
    COHORT_PERIOD_WEEK: _ClassVar[CohortPeriod]
    COHORT_PERIOD_MONTH: _ClassVar[CohortPeriod]

class CohortActivity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COHORT_ACTIVITY_UNSPECIFIED: _ClassVar[CohortActivity]
    COHORT_ACTIVITY_EXACTLY_ON: _ClassVar[CohortActivity]
    COHORT_ACTIVITY_ON_OR_AFTER: _ClassVar[CohortActivity]

class Comparison(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPARISON_UNSPECIFIED: _ClassVar[Comparison]
    COMPARISON_AT_LEAST: _ClassVar[Comparison]
    COMPARISON_AT_MOST: _ClassVar[Comparison]
    COMPARISON_EXACTLY: _ClassVar[Comparison]
FUNNEL_ORDER_UNSPECIFIED: FunnelOrder
FUNNEL_ORDER_STRICT: FunnelOrder
FUNNEL_ORDER_ANY: FunnelOrder
COHORT_PERIOD_UNSPECIFIED: CohortPeriod
COHORT_PERIOD_DAY: CohortPeriod
COHORT_PERIOD_WEEK: CohortPeriod
COHORT_PERIOD_MONTH: CohortPeriod
COHORT_ACTIVITY_UNSPECIFIED: CohortActivity
COHORT_ACTIVITY_EXACTLY_ON: CohortActivity
COHORT_ACTIVITY_ON_OR_AFTER: CohortActivity
COMPARISON_UNSPECIFIED: Comparison
COMPARISON_AT_LEAST: Comparison
COMPARISON_AT_MOST: Comparison
COMPARISON_EXACTLY: Comparison

class Step(_message.Message):
    __slots__ = ("name", "filter", "label")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    filter: str
    label: str
    def __init__(self, name: _Optional[str] = ..., filter: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class QueryFunnelRequest(_message.Message):
    __slots__ = ("app_id", "time", "steps", "window", "order", "breakdown", "max_groups", "exact")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_FIELD_NUMBER: _ClassVar[int]
    MAX_GROUPS_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    time: _time_frame_pb2.TimeFrame
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    window: _duration_pb2.Duration
    order: FunnelOrder
    breakdown: str
    max_groups: int
    exact: bool
    def __init__(self, app_id: _Optional[str] = ..., time: _Optional[_Union[_time_frame_pb2.TimeFrame, _Mapping]] = ..., steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., order: _Optional[_Union[FunnelOrder, str]] = ..., breakdown: _Optional[str] = ..., max_groups: _Optional[int] = ..., exact: _Optional[bool] = ...) -> None: ...

class FunnelStep(_message.Message):
    __slots__ = ("label", "people", "rate_of_first", "rate_of_previous", "median_from_previous", "p90_from_previous")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    RATE_OF_FIRST_FIELD_NUMBER: _ClassVar[int]
    RATE_OF_PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FROM_PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    P90_FROM_PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    label: str
    people: int
    rate_of_first: float
    rate_of_previous: float
    median_from_previous: _duration_pb2.Duration
    p90_from_previous: _duration_pb2.Duration
    def __init__(self, label: _Optional[str] = ..., people: _Optional[int] = ..., rate_of_first: _Optional[float] = ..., rate_of_previous: _Optional[float] = ..., median_from_previous: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., p90_from_previous: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class FunnelGroup(_message.Message):
    __slots__ = ("value", "other", "steps")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    value: _struct_pb2.Value
    other: bool
    steps: _containers.RepeatedCompositeFieldContainer[FunnelStep]
    def __init__(self, value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., other: _Optional[bool] = ..., steps: _Optional[_Iterable[_Union[FunnelStep, _Mapping]]] = ...) -> None: ...

class QueryFunnelResponse(_message.Message):
    __slots__ = ("total", "groups", "reliability", "time")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    total: FunnelGroup
    groups: _containers.RepeatedCompositeFieldContainer[FunnelGroup]
    reliability: _reliability_pb2.Reliability
    time: _time_frame_pb2.TimeInterval
    def __init__(self, total: _Optional[_Union[FunnelGroup, _Mapping]] = ..., groups: _Optional[_Iterable[_Union[FunnelGroup, _Mapping]]] = ..., reliability: _Optional[_Union[_reliability_pb2.Reliability, _Mapping]] = ..., time: _Optional[_Union[_time_frame_pb2.TimeInterval, _Mapping]] = ...) -> None: ...

class PropertyEntry(_message.Message):
    __slots__ = ("event", "field")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    event: Step
    field: str
    def __init__(self, event: _Optional[_Union[Step, _Mapping]] = ..., field: _Optional[str] = ...) -> None: ...

class QueryCohortsRequest(_message.Message):
    __slots__ = ("app_id", "period", "time", "event", "property", "behaviour", "active_filter", "active_when", "periods", "days", "max_values", "exact", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    PROPERTY_FIELD_NUMBER: _ClassVar[int]
    BEHAVIOUR_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FILTER_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_WHEN_FIELD_NUMBER: _ClassVar[int]
    PERIODS_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    MAX_VALUES_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    period: CohortPeriod
    time: _time_frame_pb2.TimeFrame
    event: Step
    property: PropertyEntry
    behaviour: str
    active_filter: str
    active_when: CohortActivity
    periods: int
    days: _containers.RepeatedScalarFieldContainer[int]
    max_values: int
    exact: bool
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., period: _Optional[_Union[CohortPeriod, str]] = ..., time: _Optional[_Union[_time_frame_pb2.TimeFrame, _Mapping]] = ..., event: _Optional[_Union[Step, _Mapping]] = ..., property: _Optional[_Union[PropertyEntry, _Mapping]] = ..., behaviour: _Optional[str] = ..., active_filter: _Optional[str] = ..., active_when: _Optional[_Union[CohortActivity, str]] = ..., periods: _Optional[int] = ..., days: _Optional[_Iterable[int]] = ..., max_values: _Optional[int] = ..., exact: _Optional[bool] = ..., page_token: _Optional[str] = ...) -> None: ...

class CohortPoint(_message.Message):
    __slots__ = ("offset", "people", "active", "share", "completeness")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    offset: int
    people: int
    active: int
    share: float
    completeness: _reliability_pb2.Completeness
    def __init__(self, offset: _Optional[int] = ..., people: _Optional[int] = ..., active: _Optional[int] = ..., share: _Optional[float] = ..., completeness: _Optional[_Union[_reliability_pb2.Completeness, str]] = ...) -> None: ...

class EntryCohort(_message.Message):
    __slots__ = ("start", "value", "other", "size", "points", "completeness")
    START_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    start: _timestamp_pb2.Timestamp
    value: _struct_pb2.Value
    other: bool
    size: int
    points: _containers.RepeatedCompositeFieldContainer[CohortPoint]
    completeness: _reliability_pb2.Completeness
    def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., other: _Optional[bool] = ..., size: _Optional[int] = ..., points: _Optional[_Iterable[_Union[CohortPoint, _Mapping]]] = ..., completeness: _Optional[_Union[_reliability_pb2.Completeness, str]] = ...) -> None: ...

class QueryCohortsResponse(_message.Message):
    __slots__ = ("cohorts", "next_page_token", "reliability")
    COHORTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    cohorts: _containers.RepeatedCompositeFieldContainer[EntryCohort]
    next_page_token: str
    reliability: _reliability_pb2.Reliability
    def __init__(self, cohorts: _Optional[_Iterable[_Union[EntryCohort, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., reliability: _Optional[_Union[_reliability_pb2.Reliability, _Mapping]] = ...) -> None: ...

class QueryPathsRequest(_message.Message):
    __slots__ = ("app_id", "time", "after_event", "before_event", "depth", "min_count", "gap", "exclude", "max_rows", "exact")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    AFTER_EVENT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_EVENT_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    MIN_COUNT_FIELD_NUMBER: _ClassVar[int]
    GAP_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    MAX_ROWS_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    time: _time_frame_pb2.TimeFrame
    after_event: str
    before_event: str
    depth: int
    min_count: int
    gap: _duration_pb2.Duration
    exclude: _containers.RepeatedScalarFieldContainer[str]
    max_rows: int
    exact: bool
    def __init__(self, app_id: _Optional[str] = ..., time: _Optional[_Union[_time_frame_pb2.TimeFrame, _Mapping]] = ..., after_event: _Optional[str] = ..., before_event: _Optional[str] = ..., depth: _Optional[int] = ..., min_count: _Optional[int] = ..., gap: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., exclude: _Optional[_Iterable[str]] = ..., max_rows: _Optional[int] = ..., exact: _Optional[bool] = ...) -> None: ...

class PathRow(_message.Message):
    __slots__ = ("step", "event", "next", "count", "people")
    STEP_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    step: int
    event: str
    next: str
    count: int
    people: int
    def __init__(self, step: _Optional[int] = ..., event: _Optional[str] = ..., next: _Optional[str] = ..., count: _Optional[int] = ..., people: _Optional[int] = ...) -> None: ...

class QueryPathsResponse(_message.Message):
    __slots__ = ("rows", "paths", "reliability", "time")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[PathRow]
    paths: int
    reliability: _reliability_pb2.Reliability
    time: _time_frame_pb2.TimeInterval
    def __init__(self, rows: _Optional[_Iterable[_Union[PathRow, _Mapping]]] = ..., paths: _Optional[int] = ..., reliability: _Optional[_Union[_reliability_pb2.Reliability, _Mapping]] = ..., time: _Optional[_Union[_time_frame_pb2.TimeInterval, _Mapping]] = ...) -> None: ...

class SegmentRule(_message.Message):
    __slots__ = ("event", "comparison", "times")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    event: Step
    comparison: Comparison
    times: int
    def __init__(self, event: _Optional[_Union[Step, _Mapping]] = ..., comparison: _Optional[_Union[Comparison, str]] = ..., times: _Optional[int] = ...) -> None: ...

class QuerySegmentsRequest(_message.Message):
    __slots__ = ("app_id", "time", "rules", "breakdown", "max_groups", "exact")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWN_FIELD_NUMBER: _ClassVar[int]
    MAX_GROUPS_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    time: _time_frame_pb2.TimeFrame
    rules: _containers.RepeatedCompositeFieldContainer[SegmentRule]
    breakdown: str
    max_groups: int
    exact: bool
    def __init__(self, app_id: _Optional[str] = ..., time: _Optional[_Union[_time_frame_pb2.TimeFrame, _Mapping]] = ..., rules: _Optional[_Iterable[_Union[SegmentRule, _Mapping]]] = ..., breakdown: _Optional[str] = ..., max_groups: _Optional[int] = ..., exact: _Optional[bool] = ...) -> None: ...

class SegmentGroup(_message.Message):
    __slots__ = ("value", "other", "people")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    value: _struct_pb2.Value
    other: bool
    people: int
    def __init__(self, value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., other: _Optional[bool] = ..., people: _Optional[int] = ...) -> None: ...

class QuerySegmentsResponse(_message.Message):
    __slots__ = ("total", "active_people", "share", "groups", "least_people", "reliability", "time")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_PEOPLE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    LEAST_PEOPLE_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    total: SegmentGroup
    active_people: int
    share: float
    groups: _containers.RepeatedCompositeFieldContainer[SegmentGroup]
    least_people: int
    reliability: _reliability_pb2.Reliability
    time: _time_frame_pb2.TimeInterval
    def __init__(self, total: _Optional[_Union[SegmentGroup, _Mapping]] = ..., active_people: _Optional[int] = ..., share: _Optional[float] = ..., groups: _Optional[_Iterable[_Union[SegmentGroup, _Mapping]]] = ..., least_people: _Optional[int] = ..., reliability: _Optional[_Union[_reliability_pb2.Reliability, _Mapping]] = ..., time: _Optional[_Union[_time_frame_pb2.TimeInterval, _Mapping]] = ...) -> None: ...
