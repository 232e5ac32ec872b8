import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from weir.aggregate.v1 import behaviour_pb2 as _behaviour_pb2
from weir.aggregate.v1 import reliability_pb2 as _reliability_pb2
from weir.aggregate.v1 import time_frame_pb2 as _time_frame_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_CSV: _ClassVar[ExportFormat]
    EXPORT_FORMAT_JSON_LINES: _ClassVar[ExportFormat]
    EXPORT_FORMAT_XAPI: _ClassVar[ExportFormat]
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_CSV: ExportFormat
EXPORT_FORMAT_JSON_LINES: ExportFormat
EXPORT_FORMAT_XAPI: ExportFormat

class ListEventsRequest(_message.Message):
    __slots__ = ("app_id", "time", "filter", "page_size", "page_token", "order_by", "of", "open_sealed_for")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    OPEN_SEALED_FOR_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    time: _time_frame_pb2.TimeFrame
    filter: str
    page_size: int
    page_token: str
    order_by: str
    of: DrillDown
    open_sealed_for: str
    def __init__(self, app_id: _Optional[str] = ..., time: _Optional[_Union[_time_frame_pb2.TimeFrame, _Mapping]] = ..., filter: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., order_by: _Optional[str] = ..., of: _Optional[_Union[DrillDown, _Mapping]] = ..., open_sealed_for: _Optional[str] = ...) -> None: ...

class DrillDown(_message.Message):
    __slots__ = ("cell", "drop_off", "cohort")
    CELL_FIELD_NUMBER: _ClassVar[int]
    DROP_OFF_FIELD_NUMBER: _ClassVar[int]
    COHORT_FIELD_NUMBER: _ClassVar[int]
    cell: RollupCell
    drop_off: FunnelDropOff
    cohort: CohortCell
    def __init__(self, cell: _Optional[_Union[RollupCell, _Mapping]] = ..., drop_off: _Optional[_Union[FunnelDropOff, _Mapping]] = ..., cohort: _Optional[_Union[CohortCell, _Mapping]] = ...) -> None: ...

class FunnelDropOff(_message.Message):
    __slots__ = ("funnel", "step")
    FUNNEL_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    funnel: _behaviour_pb2.QueryFunnelRequest
    step: int
    def __init__(self, funnel: _Optional[_Union[_behaviour_pb2.QueryFunnelRequest, _Mapping]] = ..., step: _Optional[int] = ...) -> None: ...

class CohortCell(_message.Message):
    __slots__ = ("cohorts", "start", "value", "offset")
    COHORTS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    cohorts: _behaviour_pb2.QueryCohortsRequest
    start: _timestamp_pb2.Timestamp
    value: _struct_pb2.Value
    offset: int
    def __init__(self, cohorts: _Optional[_Union[_behaviour_pb2.QueryCohortsRequest, _Mapping]] = ..., start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., offset: _Optional[int] = ...) -> None: ...

class RollupCell(_message.Message):
    __slots__ = ("rollup", "bucket_start", "dimensions")
    ROLLUP_FIELD_NUMBER: _ClassVar[int]
    BUCKET_START_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    rollup: str
    bucket_start: _timestamp_pb2.Timestamp
    dimensions: _struct_pb2.Struct
    def __init__(self, rollup: _Optional[str] = ..., bucket_start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dimensions: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class StoredEvent(_message.Message):
    __slots__ = ("event_uuid", "occurred_at", "received_at", "session_started_at", "app_id", "retention_class", "name", "schema_version", "producer", "environment", "event_id", "subject_id", "anonymous_id", "session_id", "group_id", "entity_type", "entity_id", "request_id", "country", "device_type", "os", "browser", "context", "attribution", "properties", "os_version", "browser_version", "device_brand", "device_model", "properties_json", "person", "privacy_level", "consent_given", "ip_anonymized")
    EVENT_UUID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    SESSION_STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    RETENTION_CLASS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_TYPE_FIELD_NUMBER: _ClassVar[int]
    ENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    BROWSER_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    OS_VERSION_FIELD_NUMBER: _ClassVar[int]
    BROWSER_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_BRAND_FIELD_NUMBER: _ClassVar[int]
    DEVICE_MODEL_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_JSON_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    PRIVACY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    CONSENT_GIVEN_FIELD_NUMBER: _ClassVar[int]
    IP_ANONYMIZED_FIELD_NUMBER: _ClassVar[int]
    event_uuid: str
    occurred_at: _timestamp_pb2.Timestamp
    received_at: _timestamp_pb2.Timestamp
    session_started_at: _timestamp_pb2.Timestamp
    app_id: str
    retention_class: str
    name: str
    schema_version: str
    producer: str
    environment: str
    event_id: str
    subject_id: str
    anonymous_id: str
    session_id: str
    group_id: str
    entity_type: str
    entity_id: str
    request_id: str
    country: str
    device_type: str
    os: str
    browser: str
    context: _struct_pb2.Struct
    attribution: _struct_pb2.Struct
    properties: _struct_pb2.Struct
    os_version: str
    browser_version: str
    device_brand: str
    device_model: str
    properties_json: str
    person: str
    privacy_level: str
    consent_given: bool
    ip_anonymized: bool
    def __init__(self, event_uuid: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session_started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., app_id: _Optional[str] = ..., retention_class: _Optional[str] = ..., name: _Optional[str] = ..., schema_version: _Optional[str] = ..., producer: _Optional[str] = ..., environment: _Optional[str] = ..., event_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., anonymous_id: _Optional[str] = ..., session_id: _Optional[str] = ..., group_id: _Optional[str] = ..., entity_type: _Optional[str] = ..., entity_id: _Optional[str] = ..., request_id: _Optional[str] = ..., country: _Optional[str] = ..., device_type: _Optional[str] = ..., os: _Optional[str] = ..., browser: _Optional[str] = ..., context: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., attribution: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., properties: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., os_version: _Optional[str] = ..., browser_version: _Optional[str] = ..., device_brand: _Optional[str] = ..., device_model: _Optional[str] = ..., properties_json: _Optional[str] = ..., person: _Optional[str] = ..., privacy_level: _Optional[str] = ..., consent_given: _Optional[bool] = ..., ip_anonymized: _Optional[bool] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token", "reliability")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RELIABILITY_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[StoredEvent]
    next_page_token: str
    reliability: _reliability_pb2.Reliability
    def __init__(self, events: _Optional[_Iterable[_Union[StoredEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., reliability: _Optional[_Union[_reliability_pb2.Reliability, _Mapping]] = ...) -> None: ...

class ListOwnEventsRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "time", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    time: _time_frame_pb2.TimeFrame
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., time: _Optional[_Union[_time_frame_pb2.TimeFrame, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOwnEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[StoredEvent]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[StoredEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExportEventsRequest(_message.Message):
    __slots__ = ("app_id", "time", "filter", "format", "resume_token", "without_personal_data")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_PERSONAL_DATA_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    time: _time_frame_pb2.TimeFrame
    filter: str
    format: ExportFormat
    resume_token: str
    without_personal_data: bool
    def __init__(self, app_id: _Optional[str] = ..., time: _Optional[_Union[_time_frame_pb2.TimeFrame, _Mapping]] = ..., filter: _Optional[str] = ..., format: _Optional[_Union[ExportFormat, str]] = ..., resume_token: _Optional[str] = ..., without_personal_data: _Optional[bool] = ...) -> None: ...

class ExportEventsResponse(_message.Message):
    __slots__ = ("data", "rows", "resume_token", "last")
    DATA_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    rows: int
    resume_token: str
    last: bool
    def __init__(self, data: _Optional[bytes] = ..., rows: _Optional[int] = ..., resume_token: _Optional[str] = ..., last: _Optional[bool] = ...) -> None: ...
