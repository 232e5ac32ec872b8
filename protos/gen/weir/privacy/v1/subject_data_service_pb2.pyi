import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from weir.privacy.v1 import subject_request_service_pb2 as _subject_request_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FenceRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "persons", "fenced_at")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    FENCED_AT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    persons: _containers.RepeatedScalarFieldContainer[str]
    fenced_at: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., persons: _Optional[_Iterable[str]] = ..., fenced_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FenceResponse(_message.Message):
    __slots__ = ("in_force_from",)
    IN_FORCE_FROM_FIELD_NUMBER: _ClassVar[int]
    in_force_from: _timestamp_pb2.Timestamp
    def __init__(self, in_force_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EraseSubjectRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "persons", "request_id", "fenced_at", "event_names", "withheld_names", "withheld_because", "changed", "anonymize_events")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FENCED_AT_FIELD_NUMBER: _ClassVar[int]
    EVENT_NAMES_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_NAMES_FIELD_NUMBER: _ClassVar[int]
    WITHHELD_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    ANONYMIZE_EVENTS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    persons: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    fenced_at: _timestamp_pb2.Timestamp
    event_names: _containers.RepeatedScalarFieldContainer[str]
    withheld_names: _containers.RepeatedScalarFieldContainer[str]
    withheld_because: _containers.RepeatedScalarFieldContainer[str]
    changed: _containers.RepeatedCompositeFieldContainer[ChangedEvents]
    anonymize_events: bool
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., persons: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ..., fenced_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., event_names: _Optional[_Iterable[str]] = ..., withheld_names: _Optional[_Iterable[str]] = ..., withheld_because: _Optional[_Iterable[str]] = ..., changed: _Optional[_Iterable[_Union[ChangedEvents, _Mapping]]] = ..., anonymize_events: _Optional[bool] = ...) -> None: ...

class ChangedEvents(_message.Message):
    __slots__ = ("name", "days")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    name: str
    days: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., days: _Optional[_Iterable[str]] = ...) -> None: ...

class EraseSubjectResponse(_message.Message):
    __slots__ = ("done", "stores", "changed")
    DONE_FIELD_NUMBER: _ClassVar[int]
    STORES_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    done: bool
    stores: _containers.RepeatedCompositeFieldContainer[_subject_request_service_pb2.SubjectStoreCounts]
    changed: _containers.RepeatedCompositeFieldContainer[ChangedEvents]
    def __init__(self, done: _Optional[bool] = ..., stores: _Optional[_Iterable[_Union[_subject_request_service_pb2.SubjectStoreCounts, _Mapping]]] = ..., changed: _Optional[_Iterable[_Union[ChangedEvents, _Mapping]]] = ...) -> None: ...

class ExportSubjectRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "persons", "event_names", "received_before")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    EVENT_NAMES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    persons: _containers.RepeatedScalarFieldContainer[str]
    event_names: _containers.RepeatedScalarFieldContainer[str]
    received_before: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., persons: _Optional[_Iterable[str]] = ..., event_names: _Optional[_Iterable[str]] = ..., received_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ExportSubjectResponse(_message.Message):
    __slots__ = ("store", "kind", "rows")
    STORE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    store: str
    kind: str
    rows: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, store: _Optional[str] = ..., kind: _Optional[str] = ..., rows: _Optional[_Iterable[bytes]] = ...) -> None: ...

class AwaitWritersRequest(_message.Message):
    __slots__ = ("app_id", "appended_before")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    APPENDED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    appended_before: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., appended_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AwaitWritersResponse(_message.Message):
    __slots__ = ("settled",)
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    settled: bool
    def __init__(self, settled: _Optional[bool] = ...) -> None: ...

class KeptKey(_message.Message):
    __slots__ = ("key_id", "person", "kept_since")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    KEPT_SINCE_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    person: bytes
    kept_since: _timestamp_pb2.Timestamp
    def __init__(self, key_id: _Optional[bytes] = ..., person: _Optional[bytes] = ..., kept_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FindNeededKeysRequest(_message.Message):
    __slots__ = ("app_id", "keys")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    keys: _containers.RepeatedCompositeFieldContainer[KeptKey]
    def __init__(self, app_id: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[KeptKey, _Mapping]]] = ...) -> None: ...

class FindNeededKeysResponse(_message.Message):
    __slots__ = ("key_ids",)
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, key_ids: _Optional[_Iterable[bytes]] = ...) -> None: ...

class RectifyEventRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "persons", "request_id", "event_uuid", "changes")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PERSONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_UUID_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    persons: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    event_uuid: bytes
    changes: _containers.RepeatedCompositeFieldContainer[_subject_request_service_pb2.PropertyChange]
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., persons: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ..., event_uuid: _Optional[bytes] = ..., changes: _Optional[_Iterable[_Union[_subject_request_service_pb2.PropertyChange, _Mapping]]] = ...) -> None: ...

class RectifyEventResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: RectifiedEvent
    def __init__(self, event: _Optional[_Union[RectifiedEvent, _Mapping]] = ...) -> None: ...

class RectifiedEvent(_message.Message):
    __slots__ = ("name", "day", "properties")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    name: str
    day: str
    properties: _containers.RepeatedCompositeFieldContainer[_subject_request_service_pb2.RectifiedProperty]
    def __init__(self, name: _Optional[str] = ..., day: _Optional[str] = ..., properties: _Optional[_Iterable[_Union[_subject_request_service_pb2.RectifiedProperty, _Mapping]]] = ...) -> None: ...

class FindRectificationRequest(_message.Message):
    __slots__ = ("app_id", "request_id", "give_up")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    GIVE_UP_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    request_id: str
    give_up: bool
    def __init__(self, app_id: _Optional[str] = ..., request_id: _Optional[str] = ..., give_up: _Optional[bool] = ...) -> None: ...

class FindRectificationResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: RectifiedEvent
    def __init__(self, event: _Optional[_Union[RectifiedEvent, _Mapping]] = ...) -> None: ...

class RecountChangedRequest(_message.Message):
    __slots__ = ("app_id", "request_id", "changed")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    request_id: str
    changed: _containers.RepeatedCompositeFieldContainer[ChangedEvents]
    def __init__(self, app_id: _Optional[str] = ..., request_id: _Optional[str] = ..., changed: _Optional[_Iterable[_Union[ChangedEvents, _Mapping]]] = ...) -> None: ...

class RecountChangedResponse(_message.Message):
    __slots__ = ("done",)
    DONE_FIELD_NUMBER: _ClassVar[int]
    done: bool
    def __init__(self, done: _Optional[bool] = ...) -> None: ...
