import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Producer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRODUCER_UNSPECIFIED: _ClassVar[Producer]
    PRODUCER_FRONTEND: _ClassVar[Producer]
    PRODUCER_API: _ClassVar[Producer]
    PRODUCER_SERVER: _ClassVar[Producer]
    PRODUCER_JOB: _ClassVar[Producer]
    PRODUCER_WEBHOOKS: _ClassVar[Producer]

class Environment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENVIRONMENT_UNSPECIFIED: _ClassVar[Environment]
    ENVIRONMENT_PRODUCTION: _ClassVar[Environment]
    ENVIRONMENT_STAGING: _ClassVar[Environment]
    ENVIRONMENT_DEVELOPMENT: _ClassVar[Environment]

class PrivacyLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIVACY_LEVEL_UNSPECIFIED: _ClassVar[PrivacyLevel]
    PRIVACY_LEVEL_STANDARD: _ClassVar[PrivacyLevel]
    PRIVACY_LEVEL_SENSITIVE: _ClassVar[PrivacyLevel]
    PRIVACY_LEVEL_PII: _ClassVar[PrivacyLevel]
PRODUCER_UNSPECIFIED: Producer
PRODUCER_FRONTEND: Producer
PRODUCER_API: Producer
PRODUCER_SERVER: Producer
PRODUCER_JOB: Producer
PRODUCER_WEBHOOKS: Producer
ENVIRONMENT_UNSPECIFIED: Environment
ENVIRONMENT_PRODUCTION: Environment
ENVIRONMENT_STAGING: Environment
ENVIRONMENT_DEVELOPMENT: Environment
PRIVACY_LEVEL_UNSPECIFIED: PrivacyLevel
PRIVACY_LEVEL_STANDARD: PrivacyLevel
PRIVACY_LEVEL_SENSITIVE: PrivacyLevel
PRIVACY_LEVEL_PII: PrivacyLevel

class Entity(_message.Message):
    __slots__ = ("type", "id")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    type: str
    id: str
    def __init__(self, type: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("user_agent", "ip", "platform", "device_type", "app_version", "locale", "timezone", "page_url", "referrer", "assignment_id", "sequence_id", "class_id", "teacher_id", "extra")
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    IP_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    DEVICE_TYPE_FIELD_NUMBER: _ClassVar[int]
    APP_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    TIMEZONE_FIELD_NUMBER: _ClassVar[int]
    PAGE_URL_FIELD_NUMBER: _ClassVar[int]
    REFERRER_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_ID_FIELD_NUMBER: _ClassVar[int]
    CLASS_ID_FIELD_NUMBER: _ClassVar[int]
    TEACHER_ID_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    user_agent: str
    ip: str
    platform: str
    device_type: str
    app_version: str
    locale: str
    timezone: str
    page_url: str
    referrer: str
    assignment_id: str
    sequence_id: str
    class_id: str
    teacher_id: str
    extra: _struct_pb2.Struct
    def __init__(self, user_agent: _Optional[str] = ..., ip: _Optional[str] = ..., platform: _Optional[str] = ..., device_type: _Optional[str] = ..., app_version: _Optional[str] = ..., locale: _Optional[str] = ..., timezone: _Optional[str] = ..., page_url: _Optional[str] = ..., referrer: _Optional[str] = ..., assignment_id: _Optional[str] = ..., sequence_id: _Optional[str] = ..., class_id: _Optional[str] = ..., teacher_id: _Optional[str] = ..., extra: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Attribution(_message.Message):
    __slots__ = ("source", "medium", "campaign", "term", "content")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MEDIUM_FIELD_NUMBER: _ClassVar[int]
    CAMPAIGN_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    source: str
    medium: str
    campaign: str
    term: str
    content: str
    def __init__(self, source: _Optional[str] = ..., medium: _Optional[str] = ..., campaign: _Optional[str] = ..., term: _Optional[str] = ..., content: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("event_id", "name", "schema_version", "occurred_at", "producer", "environment", "subject_id", "anonymous_id", "session_id", "group_id", "entity", "context", "attribution", "privacy_level", "retention_days", "idempotency_key", "request_id", "properties", "properties_json", "consent_given")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    PRIVACY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_JSON_FIELD_NUMBER: _ClassVar[int]
    CONSENT_GIVEN_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    name: str
    schema_version: str
    occurred_at: _timestamp_pb2.Timestamp
    producer: Producer
    environment: Environment
    subject_id: str
    anonymous_id: str
    session_id: str
    group_id: str
    entity: Entity
    context: Context
    attribution: Attribution
    privacy_level: PrivacyLevel
    retention_days: int
    idempotency_key: str
    request_id: str
    properties: _struct_pb2.Struct
    properties_json: bytes
    consent_given: bool
    def __init__(self, event_id: _Optional[str] = ..., name: _Optional[str] = ..., schema_version: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., producer: _Optional[_Union[Producer, str]] = ..., environment: _Optional[_Union[Environment, str]] = ..., subject_id: _Optional[str] = ..., anonymous_id: _Optional[str] = ..., session_id: _Optional[str] = ..., group_id: _Optional[str] = ..., entity: _Optional[_Union[Entity, _Mapping]] = ..., context: _Optional[_Union[Context, _Mapping]] = ..., attribution: _Optional[_Union[Attribution, _Mapping]] = ..., privacy_level: _Optional[_Union[PrivacyLevel, str]] = ..., retention_days: _Optional[int] = ..., idempotency_key: _Optional[str] = ..., request_id: _Optional[str] = ..., properties: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., properties_json: _Optional[bytes] = ..., consent_given: _Optional[bool] = ...) -> None: ...
