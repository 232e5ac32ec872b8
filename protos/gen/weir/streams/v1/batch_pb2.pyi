from weir.common.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EventBatch(_message.Message):
    __slots__ = ("app_id", "events", "batch_id", "received_at_us")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    batch_id: bytes
    received_at_us: int
    def __init__(self, app_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ..., batch_id: _Optional[bytes] = ..., received_at_us: _Optional[int] = ...) -> None: ...

class EnrichedBatch(_message.Message):
    __slots__ = ("event_batch", "skipped", "enrichments", "enrichment_of_event")
    EVENT_BATCH_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    ENRICHMENTS_FIELD_NUMBER: _ClassVar[int]
    ENRICHMENT_OF_EVENT_FIELD_NUMBER: _ClassVar[int]
    event_batch: bytes
    skipped: _containers.RepeatedScalarFieldContainer[int]
    enrichments: _containers.RepeatedCompositeFieldContainer[Enrichment]
    enrichment_of_event: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, event_batch: _Optional[bytes] = ..., skipped: _Optional[_Iterable[int]] = ..., enrichments: _Optional[_Iterable[_Union[Enrichment, _Mapping]]] = ..., enrichment_of_event: _Optional[_Iterable[int]] = ...) -> None: ...

class Enrichment(_message.Message):
    __slots__ = ("country", "device_type", "os", "browser", "os_version", "browser_version", "device_brand", "device_model")
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    BROWSER_FIELD_NUMBER: _ClassVar[int]
    OS_VERSION_FIELD_NUMBER: _ClassVar[int]
    BROWSER_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_BRAND_FIELD_NUMBER: _ClassVar[int]
    DEVICE_MODEL_FIELD_NUMBER: _ClassVar[int]
    country: str
    device_type: str
    os: str
    browser: str
    os_version: str
    browser_version: str
    device_brand: str
    device_model: str
    def __init__(self, country: _Optional[str] = ..., device_type: _Optional[str] = ..., os: _Optional[str] = ..., browser: _Optional[str] = ..., os_version: _Optional[str] = ..., browser_version: _Optional[str] = ..., device_brand: _Optional[str] = ..., device_model: _Optional[str] = ...) -> None: ...

class DeadLetterBatch(_message.Message):
    __slots__ = ("dead_letters",)
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    dead_letters: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    def __init__(self, dead_letters: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("dead_letter_id", "app_id", "stage", "received_at_us", "reason", "field", "message", "event", "content")
    DEAD_LETTER_ID_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    dead_letter_id: bytes
    app_id: str
    stage: str
    received_at_us: int
    reason: str
    field: str
    message: str
    event: _event_pb2.Event
    content: str
    def __init__(self, dead_letter_id: _Optional[bytes] = ..., app_id: _Optional[str] = ..., stage: _Optional[str] = ..., received_at_us: _Optional[int] = ..., reason: _Optional[str] = ..., field: _Optional[str] = ..., message: _Optional[str] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., content: _Optional[str] = ...) -> None: ...
