"""What the journal says: runs, and how far each job is."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class RunState(Enum):
    """What became of a run."""

    # Asked for by a person; whichever replica looks next runs it.
    REQUESTED = "requested"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    # Its runner let the lease expire: killed, frozen, or without Postgres for too long.
    ABANDONED = "abandoned"
    # Its service was stopped; the due time runs again, and this is not held against it.
    STOPPED = "stopped"


@dataclass(frozen=True)
class Run:
    """A run that this runner has claimed."""

    run_id: uuid.UUID
    job: str
    due_at: datetime


@dataclass(frozen=True)
class Progress:
    """How far a job is: the newest due time for which the schedule started a run, and what came of it."""

    due_at: datetime | None = None
    # Runs of that due time, whatever became of them.
    attempts: int = 0
    # Of these, failed or abandoned.
    failures: int = 0
    succeeded: bool = False
    # When the last of them ended.
    finished_at: datetime | None = None
    # Of the job as a whole, manual runs included.
    is_running: bool = False
    is_requested: bool = False
    last_success_at: datetime | None = None
    # Whether the run that began last was a requested one; False if no request waits.
    was_requested: bool = False


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    outcome: RunState
    counts: Mapping[str, int]
    # The class of the error; empty if there was none.
    error_type: str = ""
    # Empty unless the error is one that may be shown: others may quote people's data.
    error_message: str = ""


@dataclass(frozen=True)
class RegisteredJob:
    """A job as its service last declared it, with its newest run if there was one."""

    name: str
    description: str
    schedule: str
    catch_up: str
    newest: "JournalEntry | None" = None


@dataclass(frozen=True)
class JournalEntry:
    """A run as the journal shows it."""

    run_id: uuid.UUID
    job: str
    trigger: str
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str
    counts: Mapping[str, int]
    error_type: str
    error_message: str
    runner: str
