"""What a runner needs of the journal of runs."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from libs.jobs.job import Job
from libs.jobs.runs import Progress, Result, Run


class JournalUnavailable(Exception):
    """The journal cannot be read or written now."""


class JournalRejected(Exception):
    """The journal cannot hold these values, now or later."""


class Journal(Protocol):
    """Runs and their leases, shared by all replicas. Every method raises JournalUnavailable, within seconds
    when the journal does not answer, and JournalRejected.

    A running run is its own lease: until that expires, by the journal's clock, no other run of the job
    begins.
    """

    async def register(self, service: str, jobs: Sequence[Job]) -> None:
        """Notes which jobs the service has, in place of what it had before. Requests for runs of jobs that it
        has no more are abandoned."""
        ...

    async def abandon_expired(self, service: str) -> Sequence[str]:
        """Marks running runs of the service whose lease expired as abandoned, also of jobs that it has no
        more; the job of each."""
        ...

    async def progress(self, jobs: Sequence[str], now: datetime) -> Mapping[str, Progress]:
        """How far each of the jobs is, without due times later than `now`: these were run by a replica whose
        clock is fast."""
        ...

    async def claim_due(
        self, job: str, due_at: datetime, attempt: int, lease: timedelta
    ) -> Run | None:
        """Begins the `attempt`-th run for a due time; None if another replica did, or the job is running."""
        ...

    async def claim_requested(self, job: str, lease: timedelta) -> Run | None:
        """Begins the oldest requested run; None if there is none left, or the job is running."""
        ...

    async def renew(self, run_id: uuid.UUID, lease: timedelta) -> bool:
        """Extends a lease; False if the run is not running any more."""
        ...

    async def finish(self, run_id: uuid.UUID, result: Result) -> bool:
        """Ends a run; False if it was not running any more, and nothing was written."""
        ...
