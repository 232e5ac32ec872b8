"""The values of consent; all of them immutable."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from libs.consent import ConsentState, Decision


class Subject(NamedTuple):
    """The person whom data are about, in the ids of one app."""

    app_id: str
    subject_id: str


class ConsentAnswer(NamedTuple):
    """What may be done, and whether the subject said so (else the catalog's default applies)."""

    decision: Decision
    recorded: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """What a subject, or an actor on their behalf, wants recorded: True granted, False denied."""

    subject: Subject
    choices: Mapping[str, bool]
    actor: str
    method: str
    notice_version: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded: the version of the state, and when (microseconds since 1970, UTC)."""

    version: int
    recorded_at_us: int


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One choice, as it was recorded."""

    version: int
    purpose: str
    granted: bool
    actor: str
    method: str
    notice_version: str
    recorded_at_us: int


class HistoryCursor(NamedTuple):
    """A position in one subject's history: behind the entry of this version and purpose."""

    version: int
    purpose: str


BEGINNING = HistoryCursor(0, "")

# One subject of a page, and what is recorded.
StoredState = tuple[str, ConsentState]
