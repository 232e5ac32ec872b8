"""The job of each service that owns data with a limit: it fails while anything is kept for longer."""

from collections.abc import Mapping

from libs.common.expiry import ARCHIVE, ListOverdue, complaint
from libs.jobs.job import Job, JobContext, JobError, Retries
from libs.jobs.schedule import Schedule


def retention_check(service: str, schedule: Schedule, list_overdue: ListOverdue) -> Job:
    """The job `SERVICE.check_retention`. Until there is an archive, what waits for it is no failure: the job
    counts it as `archived_later`."""

    async def check(_: JobContext) -> Mapping[str, int]:
        overdue = await list_overdue()
        if reason := complaint([each for each in overdue if each.kept_because != ARCHIVE]):
            raise JobError(reason)
        return {"archived_later": sum(each.rows for each in overdue)}

    return Job(
        f"{service}.check_retention",
        "Fails if anything is kept for longer than its limit.",
        schedule,
        check,
        retries=Retries(attempts=1),
    )
