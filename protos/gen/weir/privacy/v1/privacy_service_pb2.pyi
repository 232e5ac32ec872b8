import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Decision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_UNSPECIFIED: _ClassVar[Decision]
    DECISION_ALLOW: _ClassVar[Decision]
    DECISION_ANONYMIZE: _ClassVar[Decision]
    DECISION_DROP: _ClassVar[Decision]

class ConsentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_STATUS_UNSPECIFIED: _ClassVar[ConsentStatus]
    CONSENT_STATUS_UNKNOWN: _ClassVar[ConsentStatus]
    CONSENT_STATUS_GRANTED: _ClassVar[ConsentStatus]
    CONSENT_STATUS_DENIED: _ClassVar[ConsentStatus]
    CONSENT_STATUS_WITHDRAWN: _ClassVar[ConsentStatus]
    CONSENT_STATUS_OBJECTED: _ClassVar[ConsentStatus]
    CONSENT_STATUS_EXPIRED: _ClassVar[ConsentStatus]

class DecisionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_REASON_UNSPECIFIED: _ClassVar[DecisionReason]
    DECISION_REASON_ANSWER: _ClassVar[DecisionReason]
    DECISION_REASON_EXPIRED: _ClassVar[DecisionReason]
    DECISION_REASON_DEFAULT: _ClassVar[DecisionReason]
    DECISION_REASON_GUARDIAN_MISSING: _ClassVar[DecisionReason]
    DECISION_REASON_AGE: _ClassVar[DecisionReason]
    DECISION_REASON_RESTRICTED: _ClassVar[DecisionReason]

class ActorRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTOR_ROLE_UNSPECIFIED: _ClassVar[ActorRole]
    ACTOR_ROLE_SUBJECT: _ClassVar[ActorRole]
    ACTOR_ROLE_OPERATOR: _ClassVar[ActorRole]
    ACTOR_ROLE_GUARDIAN: _ClassVar[ActorRole]
DECISION_UNSPECIFIED: Decision
DECISION_ALLOW: Decision
DECISION_ANONYMIZE: Decision
DECISION_DROP: Decision
CONSENT_STATUS_UNSPECIFIED: ConsentStatus
CONSENT_STATUS_UNKNOWN: ConsentStatus
CONSENT_STATUS_GRANTED: ConsentStatus
CONSENT_STATUS_DENIED: ConsentStatus
CONSENT_STATUS_WITHDRAWN: ConsentStatus
CONSENT_STATUS_OBJECTED: ConsentStatus
CONSENT_STATUS_EXPIRED: ConsentStatus
DECISION_REASON_UNSPECIFIED: DecisionReason
DECISION_REASON_ANSWER: DecisionReason
DECISION_REASON_EXPIRED: DecisionReason
DECISION_REASON_DEFAULT: DecisionReason
DECISION_REASON_GUARDIAN_MISSING: DecisionReason
DECISION_REASON_AGE: DecisionReason
DECISION_REASON_RESTRICTED: DecisionReason
ACTOR_ROLE_UNSPECIFIED: ActorRole
ACTOR_ROLE_SUBJECT: ActorRole
ACTOR_ROLE_OPERATOR: ActorRole
ACTOR_ROLE_GUARDIAN: ActorRole

class DescribeProcessingRequest(_message.Message):
    __slots__ = ("app_id",)
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    def __init__(self, app_id: _Optional[str] = ...) -> None: ...

class DescribeProcessingResponse(_message.Message):
    __slots__ = ("title", "catalog_version", "processing", "rules", "markdown")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    CATALOG_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROCESSING_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    MARKDOWN_FIELD_NUMBER: _ClassVar[int]
    title: str
    catalog_version: str
    processing: _containers.RepeatedCompositeFieldContainer[Processing]
    rules: _containers.RepeatedScalarFieldContainer[str]
    markdown: str
    def __init__(self, title: _Optional[str] = ..., catalog_version: _Optional[str] = ..., processing: _Optional[_Iterable[_Union[Processing, _Mapping]]] = ..., rules: _Optional[_Iterable[str]] = ..., markdown: _Optional[str] = ...) -> None: ...

class Processing(_message.Message):
    __slots__ = ("purpose", "description", "legal_ground", "granted_by_default", "when_denied", "grant_days", "categories")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LEGAL_GROUND_FIELD_NUMBER: _ClassVar[int]
    GRANTED_BY_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    WHEN_DENIED_FIELD_NUMBER: _ClassVar[int]
    GRANT_DAYS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    description: str
    legal_ground: str
    granted_by_default: bool
    when_denied: str
    grant_days: int
    categories: _containers.RepeatedCompositeFieldContainer[ProcessedCategory]
    def __init__(self, purpose: _Optional[str] = ..., description: _Optional[str] = ..., legal_ground: _Optional[str] = ..., granted_by_default: _Optional[bool] = ..., when_denied: _Optional[str] = ..., grant_days: _Optional[int] = ..., categories: _Optional[_Iterable[_Union[ProcessedCategory, _Mapping]]] = ...) -> None: ...

class ProcessedCategory(_message.Message):
    __slots__ = ("name", "description", "legal_ground", "identity", "anonymized_after_days", "numbers_kept_days", "events")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LEGAL_GROUND_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    ANONYMIZED_AFTER_DAYS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_KEPT_DAYS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    legal_ground: str
    identity: str
    anonymized_after_days: int
    numbers_kept_days: int
    events: _containers.RepeatedCompositeFieldContainer[ProcessedEvent]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., legal_ground: _Optional[str] = ..., identity: _Optional[str] = ..., anonymized_after_days: _Optional[int] = ..., numbers_kept_days: _Optional[int] = ..., events: _Optional[_Iterable[_Union[ProcessedEvent, _Mapping]]] = ...) -> None: ...

class ProcessedEvent(_message.Message):
    __slots__ = ("name", "description", "properties", "kept_days")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PROPERTIES_FIELD_NUMBER: _ClassVar[int]
    KEPT_DAYS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    properties: _containers.RepeatedCompositeFieldContainer[ProcessedProperty]
    kept_days: int
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., properties: _Optional[_Iterable[_Union[ProcessedProperty, _Mapping]]] = ..., kept_days: _Optional[int] = ...) -> None: ...

class ProcessedProperty(_message.Message):
    __slots__ = ("name", "description", "personal")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PERSONAL_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    personal: bool
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., personal: _Optional[bool] = ...) -> None: ...

class ConsentChoice(_message.Message):
    __slots__ = ("purpose", "granted")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    granted: bool
    def __init__(self, purpose: _Optional[str] = ..., granted: _Optional[bool] = ...) -> None: ...

class RecordConsentRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "choices", "actor", "method", "notice_version", "source", "actor_role", "expires_at", "age_band")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    NOTICE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ROLE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    AGE_BAND_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    choices: _containers.RepeatedCompositeFieldContainer[ConsentChoice]
    actor: str
    method: str
    notice_version: str
    source: str
    actor_role: ActorRole
    expires_at: _timestamp_pb2.Timestamp
    age_band: str
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., choices: _Optional[_Iterable[_Union[ConsentChoice, _Mapping]]] = ..., actor: _Optional[str] = ..., method: _Optional[str] = ..., notice_version: _Optional[str] = ..., source: _Optional[str] = ..., actor_role: _Optional[_Union[ActorRole, str]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age_band: _Optional[str] = ...) -> None: ...

class RecordConsentResponse(_message.Message):
    __slots__ = ("token", "recorded_at")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    token: str
    recorded_at: _timestamp_pb2.Timestamp
    def __init__(self, token: _Optional[str] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CheckConsentRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "purpose", "token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    purpose: str
    token: str
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., purpose: _Optional[str] = ..., token: _Optional[str] = ...) -> None: ...

class CheckConsentResponse(_message.Message):
    __slots__ = ("decision", "recorded", "status", "reason", "consent_version")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONSENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    decision: Decision
    recorded: bool
    status: ConsentStatus
    reason: DecisionReason
    consent_version: int
    def __init__(self, decision: _Optional[_Union[Decision, str]] = ..., recorded: _Optional[bool] = ..., status: _Optional[_Union[ConsentStatus, str]] = ..., reason: _Optional[_Union[DecisionReason, str]] = ..., consent_version: _Optional[int] = ...) -> None: ...

class BatchCheckConsentRequest(_message.Message):
    __slots__ = ("app_id", "purpose", "subject_ids")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_IDS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    purpose: str
    subject_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, app_id: _Optional[str] = ..., purpose: _Optional[str] = ..., subject_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class BatchCheckConsentResponse(_message.Message):
    __slots__ = ("decisions", "statuses", "reasons", "consent_versions")
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    CONSENT_VERSIONS_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedScalarFieldContainer[Decision]
    statuses: _containers.RepeatedScalarFieldContainer[ConsentStatus]
    reasons: _containers.RepeatedScalarFieldContainer[DecisionReason]
    consent_versions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, decisions: _Optional[_Iterable[_Union[Decision, str]]] = ..., statuses: _Optional[_Iterable[_Union[ConsentStatus, str]]] = ..., reasons: _Optional[_Iterable[_Union[DecisionReason, str]]] = ..., consent_versions: _Optional[_Iterable[int]] = ...) -> None: ...

class GetConsentHistoryRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "page_size", "page_token")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    page_size: int
    page_token: str
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetConsentHistoryResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[ConsentEntry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[ConsentEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ConsentEntry(_message.Message):
    __slots__ = ("purpose", "granted", "actor", "method", "notice_version", "recorded_at", "status", "source", "actor_role", "expires_at", "version", "age_band", "restricted")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    NOTICE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ROLE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGE_BAND_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    granted: bool
    actor: str
    method: str
    notice_version: str
    recorded_at: _timestamp_pb2.Timestamp
    status: ConsentStatus
    source: str
    actor_role: ActorRole
    expires_at: _timestamp_pb2.Timestamp
    version: int
    age_band: str
    restricted: bool
    def __init__(self, purpose: _Optional[str] = ..., granted: _Optional[bool] = ..., actor: _Optional[str] = ..., method: _Optional[str] = ..., notice_version: _Optional[str] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[_Union[ConsentStatus, str]] = ..., source: _Optional[str] = ..., actor_role: _Optional[_Union[ActorRole, str]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., version: _Optional[int] = ..., age_band: _Optional[str] = ..., restricted: _Optional[bool] = ...) -> None: ...

class WatchConsentRequest(_message.Message):
    __slots__ = ("app_id", "resume_token", "from_beginning")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FROM_BEGINNING_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    resume_token: str
    from_beginning: bool
    def __init__(self, app_id: _Optional[str] = ..., resume_token: _Optional[str] = ..., from_beginning: _Optional[bool] = ...) -> None: ...

class WatchConsentResponse(_message.Message):
    __slots__ = ("changes", "resume_token")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[ConsentChange]
    resume_token: str
    def __init__(self, changes: _Optional[_Iterable[_Union[ConsentChange, _Mapping]]] = ..., resume_token: _Optional[str] = ...) -> None: ...

class ConsentChange(_message.Message):
    __slots__ = ("subject_id", "entries")
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    subject_id: str
    entries: _containers.RepeatedCompositeFieldContainer[ConsentEntry]
    def __init__(self, subject_id: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[ConsentEntry, _Mapping]]] = ...) -> None: ...

class GetConsentReceiptRequest(_message.Message):
    __slots__ = ("app_id", "subject_id", "version")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    subject_id: str
    version: int
    def __init__(self, app_id: _Optional[str] = ..., subject_id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class GetConsentReceiptResponse(_message.Message):
    __slots__ = ("receipt_json",)
    RECEIPT_JSON_FIELD_NUMBER: _ClassVar[int]
    receipt_json: str
    def __init__(self, receipt_json: _Optional[str] = ...) -> None: ...

class VerifyReceiptRequest(_message.Message):
    __slots__ = ("app_id", "receipt_json")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_JSON_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    receipt_json: str
    def __init__(self, app_id: _Optional[str] = ..., receipt_json: _Optional[str] = ...) -> None: ...

class VerifyReceiptResponse(_message.Message):
    __slots__ = ("genuine", "in_force", "purposes")
    GENUINE_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    PURPOSES_FIELD_NUMBER: _ClassVar[int]
    genuine: bool
    in_force: bool
    purposes: _containers.RepeatedCompositeFieldContainer[ReceiptPurpose]
    def __init__(self, genuine: _Optional[bool] = ..., in_force: _Optional[bool] = ..., purposes: _Optional[_Iterable[_Union[ReceiptPurpose, _Mapping]]] = ...) -> None: ...

class ReceiptPurpose(_message.Message):
    __slots__ = ("purpose", "in_force", "status", "consent_version")
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CONSENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    purpose: str
    in_force: bool
    status: ConsentStatus
    consent_version: int
    def __init__(self, purpose: _Optional[str] = ..., in_force: _Optional[bool] = ..., status: _Optional[_Union[ConsentStatus, str]] = ..., consent_version: _Optional[int] = ...) -> None: ...
