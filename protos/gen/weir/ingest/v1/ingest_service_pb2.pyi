import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.rpc import status_pb2 as _status_pb2
from weir.common.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_UNSPECIFIED: _ClassVar[Verdict]
    VERDICT_ACCEPTED: _ClassVar[Verdict]
    VERDICT_ANONYMIZED: _ClassVar[Verdict]
    VERDICT_DUPLICATE: _ClassVar[Verdict]
    VERDICT_REJECTED: _ClassVar[Verdict]
    VERDICT_DROPPED: _ClassVar[Verdict]
    VERDICT_SAMPLED: _ClassVar[Verdict]
    VERDICT_RETRY: _ClassVar[Verdict]
VERDICT_UNSPECIFIED: Verdict
VERDICT_ACCEPTED: Verdict
VERDICT_ANONYMIZED: Verdict
VERDICT_DUPLICATE: Verdict
VERDICT_REJECTED: Verdict
VERDICT_DROPPED: Verdict
VERDICT_SAMPLED: Verdict
VERDICT_RETRY: Verdict

class VerdictCounts(_message.Message):
    __slots__ = ("accepted", "anonymized", "duplicate", "rejected", "dropped", "sampled", "retry")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ANONYMIZED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    SAMPLED_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    anonymized: int
    duplicate: int
    rejected: int
    dropped: int
    sampled: int
    retry: int
    def __init__(self, accepted: _Optional[int] = ..., anonymized: _Optional[int] = ..., duplicate: _Optional[int] = ..., rejected: _Optional[int] = ..., dropped: _Optional[int] = ..., sampled: _Optional[int] = ..., retry: _Optional[int] = ...) -> None: ...

class EventResult(_message.Message):
    __slots__ = ("index", "event_id", "verdict", "status", "dead_letter_id")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTER_ID_FIELD_NUMBER: _ClassVar[int]
    index: int
    event_id: str
    verdict: Verdict
    status: _status_pb2.Status
    dead_letter_id: str
    def __init__(self, index: _Optional[int] = ..., event_id: _Optional[str] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., dead_letter_id: _Optional[str] = ...) -> None: ...

class StreamEventsRequest(_message.Message):
    __slots__ = ("settings", "frame")
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    settings: StreamSettings
    frame: EventFrame
    def __init__(self, settings: _Optional[_Union[StreamSettings, _Mapping]] = ..., frame: _Optional[_Union[EventFrame, _Mapping]] = ...) -> None: ...

class StreamSettings(_message.Message):
    __slots__ = ("app_id", "producer", "environment", "max_in_flight")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    producer: _event_pb2.Producer
    environment: _event_pb2.Environment
    max_in_flight: int
    def __init__(self, app_id: _Optional[str] = ..., producer: _Optional[_Union[_event_pb2.Producer, str]] = ..., environment: _Optional[_Union[_event_pb2.Environment, str]] = ..., max_in_flight: _Optional[int] = ...) -> None: ...

class EventFrame(_message.Message):
    __slots__ = ("sequence", "events", "traceparent")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    traceparent: str
    def __init__(self, sequence: _Optional[int] = ..., events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class StreamEventsResponse(_message.Message):
    __slots__ = ("limits", "ack", "go_away")
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    GO_AWAY_FIELD_NUMBER: _ClassVar[int]
    limits: StreamLimits
    ack: FrameAck
    go_away: GoAway
    def __init__(self, limits: _Optional[_Union[StreamLimits, _Mapping]] = ..., ack: _Optional[_Union[FrameAck, _Mapping]] = ..., go_away: _Optional[_Union[GoAway, _Mapping]] = ...) -> None: ...

class StreamLimits(_message.Message):
    __slots__ = ("max_events", "max_bytes", "credits")
    MAX_EVENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    max_events: int
    max_bytes: int
    credits: int
    def __init__(self, max_events: _Optional[int] = ..., max_bytes: _Optional[int] = ..., credits: _Optional[int] = ...) -> None: ...

class FrameAck(_message.Message):
    __slots__ = ("sequence", "counts", "results", "credits", "retry_after", "status")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    counts: VerdictCounts
    results: _containers.RepeatedCompositeFieldContainer[EventResult]
    credits: int
    retry_after: _duration_pb2.Duration
    status: _status_pb2.Status
    def __init__(self, sequence: _Optional[int] = ..., counts: _Optional[_Union[VerdictCounts, _Mapping]] = ..., results: _Optional[_Iterable[_Union[EventResult, _Mapping]]] = ..., credits: _Optional[int] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class GoAway(_message.Message):
    __slots__ = ("last_sequence",)
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    last_sequence: int
    def __init__(self, last_sequence: _Optional[int] = ...) -> None: ...

class TrackEventRequest(_message.Message):
    __slots__ = ("app_id", "event")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    event: _event_pb2.Event
    def __init__(self, app_id: _Optional[str] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ...) -> None: ...

class TrackEventResponse(_message.Message):
    __slots__ = ("verdict", "status", "dead_letter_id")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DEAD_LETTER_ID_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    status: _status_pb2.Status
    dead_letter_id: str
    def __init__(self, verdict: _Optional[_Union[Verdict, str]] = ..., status: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., dead_letter_id: _Optional[str] = ...) -> None: ...

class TrackBatchRequest(_message.Message):
    __slots__ = ("app_id", "events")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    def __init__(self, app_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ...) -> None: ...

class TrackBatchResponse(_message.Message):
    __slots__ = ("counts", "results")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    counts: VerdictCounts
    results: _containers.RepeatedCompositeFieldContainer[EventResult]
    def __init__(self, counts: _Optional[_Union[VerdictCounts, _Mapping]] = ..., results: _Optional[_Iterable[_Union[EventResult, _Mapping]]] = ...) -> None: ...
