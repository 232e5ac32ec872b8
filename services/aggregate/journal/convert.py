"""Requests about jobs and their runs, and their answers."""

import uuid
from datetime import datetime

from weir.aggregate.v1 import job_service_pb2 as pb

from libs.common.errors import InvalidArgument, NotFound
from libs.jobs.job import app_of, is_job_name
from libs.jobs.runs import JournalEntry, RegisteredJob
from libs.jobs.schedule import Schedule

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["JobService"].full_name
MAX_PAGE_SIZE = 1_000
DEFAULT_PAGE_SIZE = 100


def job_name(request: pb.RunJobRequest | pb.ListJobRunsRequest) -> str:
    """The job that a request names. Raises NotFound for a text that is no job's name, or for a job that is
    not about the request's app."""
    name: str = request.job
    if not is_job_name(name) or (request.app_id and app_of(name) != request.app_id):
        raise job_unknown(name)
    return name


def job_unknown(name: str) -> NotFound:
    """The error for a job that is not there, or not for this app: the two are not distinguished."""
    return NotFound("there is no such job", reason="JOB_UNKNOWN", metadata={"job": name})


def run_id(text: str) -> uuid.UUID:
    """The id of a run. Raises InvalidArgument."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidArgument("must be a UUID", field="run_id") from None


def job_message(job: RegisteredJob, now: datetime) -> pb.Job:
    """A job; what is due next is due after `now`."""
    message = pb.Job(
        name=job.name,
        app_id=app_of(job.name),
        description=job.description,
        schedule=job.schedule,
        catch_up=f"CATCH_UP_{job.catch_up.upper()}",
        next_due_at=Schedule(job.schedule).next_after(now),
    )
    if job.newest is not None:
        message.newest_run.CopyFrom(run_message(job.newest))
    return message


def run_message(run: JournalEntry) -> pb.JobRun:
    """An entry of the journal."""
    return pb.JobRun(
        run_id=str(run.run_id),
        job=run.job,
        trigger=f"JOB_TRIGGER_{run.trigger.upper()}",
        due_at=run.due_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        outcome=f"JOB_OUTCOME_{run.outcome.upper()}",
        counts=run.counts,
        error_type=run.error_type,
        error_message=run.error_message,
        runner=run.runner,
    )
