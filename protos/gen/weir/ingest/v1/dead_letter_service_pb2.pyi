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

class ReplayState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLAY_STATE_UNSPECIFIED: _ClassVar[ReplayState]
    REPLAY_STATE_RUNNING: _ClassVar[ReplayState]
    REPLAY_STATE_DONE: _ClassVar[ReplayState]
    REPLAY_STATE_STOPPED: _ClassVar[ReplayState]
    REPLAY_STATE_CANCELLED: _ClassVar[ReplayState]
DEAD_LETTER_CONTENT_UNSPECIFIED: DeadLetterContent
DEAD_LETTER_CONTENT_WHOLE: DeadLetterContent
DEAD_LETTER_CONTENT_REDUCED: DeadLetterContent
DEAD_LETTER_CONTENT_WITHOUT_PROPERTIES: DeadLetterContent
DEAD_LETTER_CONTENT_BARE: DeadLetterContent
REPLAY_STATE_UNSPECIFIED: ReplayState
REPLAY_STATE_RUNNING: ReplayState
REPLAY_STATE_DONE: ReplayState
REPLAY_STATE_STOPPED: ReplayState
REPLAY_STATE_CANCELLED: ReplayState

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

class ReplayDeadLettersRequest(_message.Message):
    __slots__ = ("app_id", "request_id", "filter", "dry_run", "events_per_second", "max_rejected_share")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    EVENTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MAX_REJECTED_SHARE_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    request_id: str
    filter: DeadLetterFilter
    dry_run: bool
    events_per_second: int
    max_rejected_share: float
    def __init__(self, app_id: _Optional[str] = ..., request_id: _Optional[str] = ..., filter: _Optional[_Union[DeadLetterFilter, _Mapping]] = ..., dry_run: _Optional[bool] = ..., events_per_second: _Optional[int] = ..., max_rejected_share: _Optional[float] = ...) -> None: ...

class ReplayDeadLettersResponse(_message.Message):
    __slots__ = ("replay",)
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    replay: DeadLetterReplay
    def __init__(self, replay: _Optional[_Union[DeadLetterReplay, _Mapping]] = ...) -> None: ...

class CancelReplayRequest(_message.Message):
    __slots__ = ("app_id", "request_id")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    request_id: str
    def __init__(self, app_id: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelReplayResponse(_message.Message):
    __slots__ = ("replay",)
    REPLAY_FIELD_NUMBER: _ClassVar[int]
    replay: DeadLetterReplay
    def __init__(self, replay: _Optional[_Union[DeadLetterReplay, _Mapping]] = ...) -> None: ...

class DeadLetterReplay(_message.Message):
    __slots__ = ("request_id", "requested_by", "requested_at", "dry_run", "state", "stopped_because", "finished_at", "reasons", "rejected_now")
    class RejectedNowEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STOPPED_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_NOW_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    requested_by: str
    requested_at: _timestamp_pb2.Timestamp
    dry_run: bool
    state: ReplayState
    stopped_because: str
    finished_at: _timestamp_pb2.Timestamp
    reasons: _containers.RepeatedCompositeFieldContainer[ReplayedReason]
    rejected_now: _containers.ScalarMap[str, int]
    def __init__(self, request_id: _Optional[str] = ..., requested_by: _Optional[str] = ..., requested_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., dry_run: _Optional[bool] = ..., state: _Optional[_Union[ReplayState, str]] = ..., stopped_because: _Optional[str] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reasons: _Optional[_Iterable[_Union[ReplayedReason, _Mapping]]] = ..., rejected_now: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ReplayedReason(_message.Message):
    __slots__ = ("reason", "accepted", "anonymized", "duplicate", "dropped", "sampled", "rejected", "not_replayable", "erased", "failed")
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ANONYMIZED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    NOT_REPLAYABLE_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    reason: str
    accepted: int
    anonymized: int
    duplicate: int
    dropped: int
    sampled: int
    rejected: int
    not_replayable: int
    erased: int
    failed: int
    def __init__(self, reason: _Optional[str] = ..., accepted: _Optional[int] = ..., anonymized: _Optional[int] = ..., duplicate: _Optional[int] = ..., dropped: _Optional[int] = ..., sampled: _Optional[int] = ..., rejected: _Optional[int] = ..., not_replayable: _Optional[int] = ..., erased: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...
