"""Which due time a job should run for now: decided from its schedule, its progress and the time alone."""

from datetime import datetime

from libs.jobs.job import CatchUp, Job
from libs.jobs.runs import Progress


def next_due(job: Job, progress: Progress, now: datetime) -> datetime | None:
    """The due time to run `job` for, in UTC; None if there is none now.

    A due time is settled once it has succeeded or used up its attempts. A job that never ran begins with the
    newest due time. One that makes up for each due time takes them in order, and later ones wait for the
    attempts of an earlier one; otherwise a newer due time takes the place of one that fails.
    """
    if progress.is_running:
        return None
    newest = job.schedule.newest_at(now)
    last = progress.due_at
    if last is None:
        return newest
    if job.catch_up is CatchUp.NEWEST and newest > last:
        return newest
    if not _is_settled(job, progress):
        return last if _may_retry(job, progress, now) else None
    following = job.schedule.next_after(last)
    return following if following <= now else None


def _is_settled(job: Job, progress: Progress) -> bool:
    return progress.succeeded or progress.failures >= job.retries.attempts


def _may_retry(job: Job, progress: Progress, now: datetime) -> bool:
    if not progress.failures or progress.finished_at is None:
        return True
    return now >= progress.finished_at + job.retries.after
