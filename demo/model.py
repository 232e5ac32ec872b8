"""What a day of the demo is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class ExpectedVerdict(StrEnum):
    """What becomes of an event, in the words of the SDK's totals."""

    ACCEPTED = "accepted"
    ANONYMIZED = "anonymized"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    DROPPED = "dropped"
    SAMPLED = "sampled"


class Trouble(StrEnum):
    """What is odd about an event."""

    NONE = ""
    RESENT = "resent"
    WRONG_TYPE = "wrong type"
    MISSING_PROPERTY = "missing property"
    UNKNOWN_EVENT = "unknown event"
    FUTURE_CLOCK = "clock in the future"
    BAD_ID = "bad id"


class ConsentOutcome(StrEnum):
    """What follows for one event from what its person agreed to."""

    ALLOW = "allow"
    ANONYMIZE = "anonymize"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Choice:
    """What one person decided before the day began; or, without a purpose, what is recorded of their age."""

    app_id: str
    subject_id: str
    purpose: str = ""
    granted: bool = False
    age_band: str = ""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A person who uses one product. `answers` is what follows from consent, by purpose."""

    subject_id: str
    group_id: str
    answers: Mapping[str, ConsentOutcome]
    context: Mapping[str, str]
    attribution: Mapping[str, str]
    # A newcomer's first visit begins with a sign-up.
    newcomer: bool = False


@dataclass(frozen=True, slots=True)
class DemoEvent:
    """One event as a producer has it. Empty texts and mappings are absent.

    `possible` are the verdicts that it may get: two where sampling decides by the id, else one.
    """

    app_id: str
    event_id: str
    name: str
    occurred_at: datetime
    producer: str
    subject_id: str
    anonymous_id: str
    session_id: str
    group_id: str
    entity: Mapping[str, str]
    context: Mapping[str, str]
    attribution: Mapping[str, str]
    properties: Mapping[str, Any]
    possible: frozenset[ExpectedVerdict]
    trouble: Trouble = Trouble.NONE

    def envelope(self) -> dict[str, Any]:
        """As `weir_client.event_from_envelope` takes it."""
        values = {
            "name": self.name,
            "producer": self.producer,
            "subject_id": self.subject_id,
            "anonymous_id": self.anonymous_id,
            "session_id": self.session_id,
            "group_id": self.group_id,
            "entity": self.entity,
            "context": self.context,
            "attribution": self.attribution,
        }
        present = {name: value for name, value in values.items() if value}
        return {
            "event_id": self.event_id,
            "occurred_at": self.occurred_at.isoformat(),
            "properties": self.properties,
            **present,
        }


@dataclass(frozen=True, slots=True)
class Day:
    """Everything that happens: first the choices, then the events in the order of sending, which
    within an app is nearly that of their times."""

    choices: list[Choice]
    events: list[DemoEvent]
