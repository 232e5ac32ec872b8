import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetSealingKeysRequest(_message.Message):
    __slots__ = ("app_id", "people")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    people: _containers.RepeatedCompositeFieldContainer[PersonToSeal]
    def __init__(self, app_id: _Optional[str] = ..., people: _Optional[_Iterable[_Union[PersonToSeal, _Mapping]]] = ...) -> None: ...

class PersonToSeal(_message.Message):
    __slots__ = ("person", "latest_occurred_at_us")
    PERSON_FIELD_NUMBER: _ClassVar[int]
    LATEST_OCCURRED_AT_US_FIELD_NUMBER: _ClassVar[int]
    person: bytes
    latest_occurred_at_us: int
    def __init__(self, person: _Optional[bytes] = ..., latest_occurred_at_us: _Optional[int] = ...) -> None: ...

class GetSealingKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[SealingKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[SealingKey, _Mapping]]] = ...) -> None: ...

class SealingKey(_message.Message):
    __slots__ = ("key_id", "secret", "destroyed_at_us")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    DESTROYED_AT_US_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    secret: bytes
    destroyed_at_us: int
    def __init__(self, key_id: _Optional[bytes] = ..., secret: _Optional[bytes] = ..., destroyed_at_us: _Optional[int] = ...) -> None: ...

class GetOpeningKeysRequest(_message.Message):
    __slots__ = ("app_id", "key_ids", "purpose", "actor")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_IDS_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    key_ids: _containers.RepeatedScalarFieldContainer[bytes]
    purpose: str
    actor: str
    def __init__(self, app_id: _Optional[str] = ..., key_ids: _Optional[_Iterable[bytes]] = ..., purpose: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class GetOpeningKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[OpeningKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[OpeningKey, _Mapping]]] = ...) -> None: ...

class OpeningKey(_message.Message):
    __slots__ = ("key_id", "secret")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    secret: bytes
    def __init__(self, key_id: _Optional[bytes] = ..., secret: _Optional[bytes] = ...) -> None: ...

class GetKeyStatusRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class GetKeyStatusResponse(_message.Message):
    __slots__ = ("current_wrapping_key_id", "wrapped", "destroyed", "used_since", "rotation_due")
    CURRENT_WRAPPING_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    WRAPPED_FIELD_NUMBER: _ClassVar[int]
    DESTROYED_FIELD_NUMBER: _ClassVar[int]
    USED_SINCE_FIELD_NUMBER: _ClassVar[int]
    ROTATION_DUE_FIELD_NUMBER: _ClassVar[int]
    current_wrapping_key_id: str
    wrapped: _containers.RepeatedCompositeFieldContainer[WrappedKeys]
    destroyed: int
    used_since: _timestamp_pb2.Timestamp
    rotation_due: _timestamp_pb2.Timestamp
    def __init__(self, current_wrapping_key_id: _Optional[str] = ..., wrapped: _Optional[_Iterable[_Union[WrappedKeys, _Mapping]]] = ..., destroyed: _Optional[int] = ..., used_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rotation_due: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WrappedKeys(_message.Message):
    __slots__ = ("wrapping_key_id", "keys", "is_available")
    WRAPPING_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    IS_AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    wrapping_key_id: str
    keys: int
    is_available: bool
    def __init__(self, wrapping_key_id: _Optional[str] = ..., keys: _Optional[int] = ..., is_available: _Optional[bool] = ...) -> None: ...
