from weir.common.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PreviewEnrichmentRequest(_message.Message):
    __slots__ = ("app_id", "event")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    event: _event_pb2.Event
    def __init__(self, app_id: _Optional[str] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ...) -> None: ...

class PreviewEnrichmentResponse(_message.Message):
    __slots__ = ("steps",)
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[StepPreview]
    def __init__(self, steps: _Optional[_Iterable[_Union[StepPreview, _Mapping]]] = ...) -> None: ...

class StepPreview(_message.Message):
    __slots__ = ("name", "enabled", "fields")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    enabled: bool
    fields: _containers.RepeatedCompositeFieldContainer[FieldPreview]
    def __init__(self, name: _Optional[str] = ..., enabled: _Optional[bool] = ..., fields: _Optional[_Iterable[_Union[FieldPreview, _Mapping]]] = ...) -> None: ...

class FieldPreview(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
