"""Jobs that are asked to run one after the other, by a caller that asks until they have ended."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from libs.jobs.runs import JournalEntry, RunState

# A job that fails is asked for so often in all. What dies or is stopped with its service does not count.
ATTEMPTS = 3


class Requests(Protocol):
    """What it needs of the journal; see `journal_view.JournalView`."""

    async def requested(self, job: str, due_at: datetime) -> Sequence[JournalEntry]:
        """The requested runs of a job for a due time, the newest first."""
        ...

    async def request(self, job: str, due_at: datetime) -> uuid.UUID | None:
        """Asks for a run; None if no service has registered the job yet."""
        ...


class RequestedJobs:
    """Some jobs of a service in their order. It keeps nothing: all that it knows is in the journal, by the
    moment that names the request."""

    def __init__(self, jobs: Sequence[str], journal: Requests) -> None:
        self._jobs = jobs
        self._journal = journal

    async def advance(self, requested_at: datetime) -> tuple[Sequence[JournalEntry], bool]:
        """Asks for what is to run next, unless it was asked for: the newest run of each job so far, and
        whether all have ended, well or not.

        Raises what the journal raises; JournalUnavailable, InvalidArgument for a moment after now.
        """
        newest: list[JournalEntry] = []
        for job in self._jobs:
            runs = await self._journal.requested(job, requested_at)
            if not _has_ended(runs):
                if not runs or runs[0].finished_at is not None:
                    await self._journal.request(job, requested_at)
                    runs = await self._journal.requested(job, requested_at)
                return [*newest, *runs[:1]], False
            newest.append(runs[0])
        return newest, True


def _has_ended(runs: Sequence[JournalEntry]) -> bool:
    """Whether a job is not run again."""
    outcomes = [RunState(run.outcome) for run in runs]
    return RunState.SUCCEEDED in outcomes[:1] or outcomes.count(RunState.FAILED) >= ATTEMPTS
