import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChainProblem(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHAIN_PROBLEM_UNSPECIFIED: _ClassVar[ChainProblem]
    CHAIN_PROBLEM_CHANGED: _ClassVar[ChainProblem]
    CHAIN_PROBLEM_MISSING: _ClassVar[ChainProblem]
    CHAIN_PROBLEM_BEGINNING_MISSING: _ClassVar[ChainProblem]
    CHAIN_PROBLEM_END_MISSING: _ClassVar[ChainProblem]
    CHAIN_PROBLEM_HEAD_DIFFERS: _ClassVar[ChainProblem]
    CHAIN_PROBLEM_HEAD_FORGED: _ClassVar[ChainProblem]
    CHAIN_PROBLEM_CHECKPOINT_FORGED: _ClassVar[ChainProblem]
CHAIN_PROBLEM_UNSPECIFIED: ChainProblem
CHAIN_PROBLEM_CHANGED: ChainProblem
CHAIN_PROBLEM_MISSING: ChainProblem
CHAIN_PROBLEM_BEGINNING_MISSING: ChainProblem
CHAIN_PROBLEM_END_MISSING: ChainProblem
CHAIN_PROBLEM_HEAD_DIFFERS: ChainProblem
CHAIN_PROBLEM_HEAD_FORGED: ChainProblem
CHAIN_PROBLEM_CHECKPOINT_FORGED: ChainProblem

class AuditEntry(_message.Message):
    __slots__ = ("entry_id", "sequence", "occurred_at", "actor", "action", "subject", "purpose", "outcome", "request_id", "trace_id", "details", "hash")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    sequence: int
    occurred_at: _timestamp_pb2.Timestamp
    actor: str
    action: str
    subject: str
    purpose: str
    outcome: str
    request_id: str
    trace_id: str
    details: str
    hash: bytes
    def __init__(self, entry_id: _Optional[str] = ..., sequence: _Optional[int] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., action: _Optional[str] = ..., subject: _Optional[str] = ..., purpose: _Optional[str] = ..., outcome: _Optional[str] = ..., request_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., details: _Optional[str] = ..., hash: _Optional[bytes] = ...) -> None: ...

class ListEntriesRequest(_message.Message):
    __slots__ = ("app_id", "to", "actor", "action", "subject_id", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    to: _timestamp_pb2.Timestamp
    actor: str
    action: str
    subject_id: str
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., action: _Optional[str] = ..., subject_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., **kwargs) -> None: ...

class ListEntriesResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[AuditEntry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[AuditEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class VerifyChainRequest(_message.Message):
    __slots__ = ("app_id", "known_head", "after_sequence", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    KNOWN_HEAD_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    known_head: str
    after_sequence: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., known_head: _Optional[str] = ..., after_sequence: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class VerifyChainResponse(_message.Message):
    __slots__ = ("verified", "problem", "problem_sequence", "problem_entry_id", "next_page_token", "head", "unchained", "compared_with_published", "pruned_through")
    VERIFIED_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    UNCHAINED_FIELD_NUMBER: _ClassVar[int]
    COMPARED_WITH_PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    PRUNED_THROUGH_FIELD_NUMBER: _ClassVar[int]
    verified: int
    problem: ChainProblem
    problem_sequence: int
    problem_entry_id: str
    next_page_token: str
    head: str
    unchained: int
    compared_with_published: bool
    pruned_through: int
    def __init__(self, verified: _Optional[int] = ..., problem: _Optional[_Union[ChainProblem, str]] = ..., problem_sequence: _Optional[int] = ..., problem_entry_id: _Optional[str] = ..., next_page_token: _Optional[str] = ..., head: _Optional[str] = ..., unchained: _Optional[int] = ..., compared_with_published: _Optional[bool] = ..., pruned_through: _Optional[int] = ...) -> None: ...
