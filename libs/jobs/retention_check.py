"""The job of each service that owns data with a limit: it fails while anything is kept for longer."""

from collections.abc import Mapping

from libs.common.expiry import ListOverdue, complaint
from libs.jobs.job import Job, JobContext, JobError, Retries
from libs.jobs.schedule import Schedule


def retention_check(service: str, schedule: Schedule, list_overdue: ListOverdue) -> Job:
    """The job `SERVICE.check_retention`."""

    async def check(_: JobContext) -> Mapping[str, int]:
        if reason := complaint(await list_overdue()):
            raise JobError(reason)
        return {}

    return Job(
        f"{service}.check_retention",
        "Fails if anything is kept for longer than its limit.",
        schedule,
        check,
        retries=Retries(attempts=1),
    )
