"""The values of consent; all of them immutable."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from libs.consent import Choice, ConsentState, Status


class Subject(NamedTuple):
    """The person whom data are about, in the ids of one app."""

    app_id: str
    subject_id: str


# All pseudonyms that a person has had: of an app and a subject.
Pseudonyms = Callable[[str, str], Sequence[str]]


class ActorRole(IntEnum):
    """In which role a recording was made. The numbers are those of `weir.privacy.v1.ActorRole`."""

    UNSPECIFIED = 0
    SUBJECT = 1
    OPERATOR = 2
    GUARDIAN = 3


@dataclass(frozen=True, slots=True)
class Recording:
    """What a subject, or an actor on their behalf, wants recorded: GRANTED, DENIED, WITHDRAWN or OBJECTED for
    each purpose, when the grants among them end, the age band, and whether processing is restricted; empty or
    None: as it is."""

    subject: Subject
    choices: Mapping[str, Status]
    actor: str
    method: str
    notice_version: str
    source: str = ""
    actor_role: ActorRole = ActorRole.UNSPECIFIED
    expires_at_us: int | None = None
    age_band: str = ""
    restricts: bool | None = None

    def is_repeated(self, state: ConsentState | None) -> bool:
        """Whether it restricts what `state` has restricted already, or lifts no restriction."""
        is_restricted = state is not None and state.restriction is not None
        return self.restricts is not None and self.restricts == is_restricted

    def after(self, state: ConsentState | None) -> "Recording":
        """The same as it is to be recorded after `state`: a denial of what was granted is a withdrawal."""
        before = state.choices if state else {}
        settled = {
            purpose: Status.WITHDRAWN
            if status is Status.DENIED and _was_granted(before.get(purpose))
            else status
            for purpose, status in self.choices.items()
        }
        return replace(self, choices=settled)

    def new_choices(self, recorded_at_us: int) -> Mapping[str, Choice]:
        """What holds for each purpose once this is recorded, under the version of the new state."""
        return {
            purpose: Choice(
                status,
                recorded_at_us=recorded_at_us,
                expires_at_us=self.expires_at_us if status is Status.GRANTED else None,
                by_guardian=self.actor_role is ActorRole.GUARDIAN and status is Status.GRANTED,
            )
            for purpose, status in self.choices.items()
        }


def _was_granted(choice: Choice | None) -> bool:
    return choice is not None and choice.status in (Status.GRANTED, Status.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded: the version of the state, and when (microseconds since 1970, UTC)."""

    version: int
    recorded_at_us: int


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One choice, or an age band or a restriction without a status, as it was recorded. `replaced_at_us` is
    when the next one of its purpose was; None if it is the last."""

    version: int
    purpose: str
    status: Status | None
    actor: str
    method: str
    notice_version: str
    recorded_at_us: int
    source: str = ""
    actor_role: ActorRole = ActorRole.UNSPECIFIED
    expires_at_us: int | None = None
    replaced_at_us: int | None = None
    age_band: str = ""
    restricts: bool | None = None


class HistoryCursor(NamedTuple):
    """A position in one subject's history: behind the entry of this version and purpose."""

    version: int
    purpose: str


BEGINNING = HistoryCursor(0, "")

# One subject of a page, and what is recorded.
StoredState = tuple[str, ConsentState]
