"""The values of requests about a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.common.subject_data import StoreCounts


class Kind(StrEnum):
    """What is asked for."""

    EXPORT = "export"
    ERASURE = "erasure"
    RECTIFICATION = "rectification"


class State(StrEnum):
    """How far a request has come."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class StepState(StrEnum):
    """How far a step has come."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Step:
    """What is done in one service. `note` is what later steps need to know of it."""

    name: str
    service: str
    state: StepState = StepState.PENDING
    stores: Sequence[StoreCounts] = ()
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SubjectRequest:
    """One request. `subject` is the person's pseudonym; `subject_id` is None once it has ended, and of a
    rectification once its event is changed. `parameters` is what else was asked, `result` what came of
    it."""

    request_id: UUID
    app_id: str
    kind: Kind
    state: State
    subject: str
    subject_id: str | None
    categories: tuple[str, ...]
    requester: str
    created_at: datetime
    due_at: datetime
    parameters: Mapping[str, Any] = field(default_factory=dict)
    fenced_at: datetime | None = None
    done_at: datetime | None = None
    expires_at: datetime | None = None
    steps: Sequence[Step] = ()
    failure: str = ""
    result: Mapping[str, Any] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits or is under way."""
        return self.state in (State.WAITING, State.RUNNING)

    @property
    def next_step(self) -> int | None:
        """The place of the first step that is not done; None if all are."""
        return next(
            (n for n, step in enumerate(self.steps) if step.state is not StepState.DONE), None
        )

    def with_step(self, place: int, step: Step) -> "SubjectRequest":
        """The request with another step at a place."""
        steps = list(self.steps)
        steps[place] = step
        return replace(self, steps=tuple(steps))

    def ended(self, state: State, done_at: datetime, **changes: Any) -> "SubjectRequest":
        """The request at its end, whichever that is: without the person's id, which it needs no more. An
        erasure that has been at this table already would leave it."""
        return replace(self, state=state, done_at=done_at, subject_id=None, **changes)

    def asks_the_same(self, other: "SubjectRequest") -> bool:
        """Whether both ask for the same of the same person."""
        return (
            self.app_id == other.app_id
            and self.kind is other.kind
            and self.subject == other.subject
            and self.categories == other.categories
            and dict(self.parameters) == dict(other.parameters)
        )


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """Which requests of an app are listed; None: any."""

    app_id: str
    subjects: Sequence[str] | None = None
    kind: Kind | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class RequestCursor:
    """A position in a list: behind the request of this time and id."""

    created_at: datetime
    request_id: UUID


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a person's data must be kept, and who said so."""

    reason: str
    placed_by: str
