import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from weir.common.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeadLetterContent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEAD_LETTER_CONTENT_UNSPECIFIED: _ClassVar[DeadLetterContent]
    DEAD_LETTER_CONTENT_WHOLE: _ClassVar[DeadLetterContent]
    DEAD_LETTER_CONTENT_REDUCED: _ClassVar[DeadLetterContent]
    DEAD_LETTER_CONTENT_WITHOUT_PROPERTIES: _ClassVar[DeadLetterContent]
    DEAD_LETTER_CONTENT_BARE: _ClassVar[DeadLetterContent]
DEAD_LETTER_CONTENT_UNSPECIFIED: DeadLetterContent
DEAD_LETTER_CONTENT_WHOLE: DeadLetterContent
DEAD_LETTER_CONTENT_REDUCED: DeadLetterContent
DEAD_LETTER_CONTENT_WITHOUT_PROPERTIES: DeadLetterContent
DEAD_LETTER_CONTENT_BARE: DeadLetterContent

class DeadLetterFilter(_message.Message):
    __slots__ = ("reasons", "fields", "names", "stage", "received_from", "received_to")
    REASONS_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FROM_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_TO_FIELD_NUMBER: _ClassVar[int]
    reasons: _containers.RepeatedScalarFieldContainer[str]
    fields: _containers.RepeatedScalarFieldContainer[str]
    names: _containers.RepeatedScalarFieldContainer[str]
    stage: str
    received_from: _timestamp_pb2.Timestamp
    received_to: _timestamp_pb2.Timestamp
    def __init__(self, reasons: _Optional[_Iterable[str]] = ..., fields: _Optional[_Iterable[str]] = ..., names: _Optional[_Iterable[str]] = ..., stage: _Optional[str] = ..., received_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., received_to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("dead_letter_id", "received_at", "stage", "reason", "field", "message", "name", "content", "can_be_replayed", "event")
    DEAD_LETTER_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CAN_BE_REPLAYED_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    dead_letter_id: str
    received_at: _timestamp_pb2.Timestamp
    stage: str
    reason: str
    field: str
    message: str
    name: str
    content: DeadLetterContent
    can_be_replayed: bool
    event: _event_pb2.Event
    def __init__(self, dead_letter_id: _Optional[str] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stage: _Optional[str] = ..., reason: _Optional[str] = ..., field: _Optional[str] = ..., message: _Optional[str] = ..., name: _Optional[str] = ..., content: _Optional[_Union[DeadLetterContent, str]] = ..., can_be_replayed: _Optional[bool] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ...) -> None: ...

class DeadLetterCount(_message.Message):
    __slots__ = ("reason", "field", "letters")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    LETTERS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    field: str
    letters: int
    def __init__(self, reason: _Optional[str] = ..., field: _Optional[str] = ..., letters: _Optional[int] = ...) -> None: ...

class ListDeadLettersRequest(_message.Message):
    __slots__ = ("app_id", "filter", "show_events", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    SHOW_EVENTS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    filter: DeadLetterFilter
    show_events: bool
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., filter: _Optional[_Union[DeadLetterFilter, _Mapping]] = ..., show_events: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDeadLettersResponse(_message.Message):
    __slots__ = ("dead_letters", "next_page_token", "counts")
    DEAD_LETTERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    dead_letters: _containers.RepeatedCompositeFieldContainer[DeadLetter]
    next_page_token: str
    counts: _containers.RepeatedCompositeFieldContainer[DeadLetterCount]
    def __init__(self, dead_letters: _Optional[_Iterable[_Union[DeadLetter, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., counts: _Optional[_Iterable[_Union[DeadLetterCount, _Mapping]]] = ...) -> None: ...
