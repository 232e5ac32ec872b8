from weir.common.v1 import event_pb2 as _event_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
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
