"""What a job is: a name, a schedule, and what to do at each due time."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from libs.jobs.schedule import Schedule

_NAME = re.compile(r"[a-z]+(\.[a-z][a-z0-9_]*){1,2}").fullmatch


class CatchUp(Enum):
    """Which of the due times that passed while nothing ran are made up for."""

    # The newest alone: it does what the missed ones would have done.
    NEWEST = "newest"
    # Each, the oldest first: every due time has a result of its own.
    EACH = "each"


@dataclass(frozen=True)
class Retries:
    """How often one due time is tried in all, and how long after a failure it is tried again."""

    attempts: int = 3
    after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True)
class JobContext:
    """What a run is asked for."""

    # The due time that the run is for, in UTC: what "yesterday" or "the last hour" counts from, however
    # late the run is.
    due_at: datetime


# Does the work, and returns what it did, as numbers by name. Safe to repeat, and to cancel at any await.
Work = Callable[[JobContext], Awaitable[Mapping[str, int]]]


class JobError(Exception):
    """A failure whose message may be kept in the journal: it says nothing about people."""


@dataclass(frozen=True)
class Job:
    """One job of a service. Raises ValueError for a name that is neither `service.what_it_does` nor, if it is
    about one app, `service.app.what_it_does`."""

    name: str
    description: str
    schedule: Schedule
    run: Work
    catch_up: CatchUp = CatchUp.NEWEST
    retries: Retries = Retries()

    def __post_init__(self) -> None:
        if not is_job_name(self.name):
            raise ValueError(f"a job's name is like service.what_it_does: {self.name!r}")

    @property
    def service(self) -> str:
        """The service that owns it and runs it."""
        return self.name.partition(".")[0]


def is_job_name(name: str) -> bool:
    """Whether a job can have this name."""
    return _NAME(name) is not None


def app_of(name: str) -> str:
    """The app that a job is about, by its name; empty if it is about none."""
    _, *app, _ = name.split(".")
    return app[0] if app else ""
