"""An entry of the audit trail: who did what, about whom, when, and how it ended."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """Everything that leaves an entry. New ones get a line here."""

    CONSENT_RECORDED = "consent.recorded"
    CONSENT_HISTORY_READ = "consent.history_read"
    CALL_DENIED = "call.denied"
    AUDIT_READ = "audit.read"
    AUDIT_PRUNED = "audit.pruned"
    EVENTS_LISTED = "events.listed"
    OWN_EVENTS_LISTED = "events.own_listed"
    EVENTS_EXPORTED = "events.exported"
    # Together with what they hold of events.
    DEAD_LETTERS_LISTED = "dead_letters.listed"
    DEAD_LETTERS_REPLAYED = "dead_letters.replayed"
    REPLAY_CANCELLED = "dead_letters.replay_cancelled"
    SUBJECT_EXPORTED = "subject.exported"
    SUBJECT_EXPORT_DOWNLOADED = "subject.export_downloaded"
    PERSON_NUMBERS_READ = "numbers.person_read"
    RETENTION_RUN = "retention.run"
    SUBJECT_REQUESTED = "subject.requested"
    SUBJECT_CANCELLED = "subject.cancelled"
    SUBJECT_FENCED = "subject.fenced"
    SUBJECT_ERASED = "subject.erased"
    SUBJECT_REQUESTS_READ = "subject.requests_read"
    RESTRICTIONS_READ = "subject.restrictions_read"
    SUBJECT_HELD = "subject.held"
    SUBJECT_RELEASED = "subject.released"
    SUBJECT_RECTIFIED = "subject.rectified"
    SUBJECT_RESTRICTED = "subject.restricted"
    SUBJECT_UNRESTRICTED = "subject.restriction_lifted"
    # Keys of people were given to a service, which opens sealed values for the actor.
    SEALED_OPENED = "sealed.opened"
    KEYS_DESTROYED = "keys.destroyed"
    ARCHIVE_RESTORED = "archive.restored"


class Outcome(StrEnum):
    """How an act ended."""

    DONE = "done"
    # The caller was not permitted.
    DENIED = "denied"
    FAILED = "failed"


# What else is to be known of an act: words of the catalog, numbers, ids of things. Never a personal value.
Details = Mapping[str, str | int | bool | Sequence[str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called: the credential's name, `x-request-id` and the trace id of the call, empty without one."""

    actor: str
    request_id: str = ""
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act. `subject` is the pseudonym of the person it is about, empty for no single person. Action and
    outcome are those of the lists above, unless the entry is of another release."""

    app_id: str
    entry_id: uuid.UUID
    occurred_at_us: int
    caller: Caller
    action: str
    outcome: str
    subject: str = ""
    purpose: str = ""
    details: Details = field(default_factory=dict)
