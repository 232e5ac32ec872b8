"""Schedules of ingest's jobs; the work is in the modules they call."""

from collections.abc import Mapping, Sequence
from functools import partial

from redis.asyncio import Redis

from libs.common.expiry import overdue_of
from libs.jobs.job import Job, JobContext
from libs.jobs.retention_check import retention_check
from libs.jobs.schedule import Schedule
from libs.streams.dead_consumers import remove_dead_consumers
from libs.streams.names import INGEST
from libs.streams.quarantine_expiry import expire_quarantine
from services.ingest.dead_letters.expiry import EXPIRE as EXPIRE_LETTERS
from services.ingest.dead_letters.expiry import LetterExpiry
from services.ingest.replay.expiry import EXPIRE as EXPIRE_REPLAYS
from services.ingest.replay.expiry import ReplayExpiry
from services.ingest.settings import IngestSettings

EXPIRE_QUARANTINE = "ingest.expire_quarantine"
# What ends dead letters, quarantine and replays, in the order in which it runs.
RETENTION_JOBS = (EXPIRE_LETTERS, EXPIRE_QUARANTINE, EXPIRE_REPLAYS)


def ingest_jobs(
    redis: Redis,
    letter_streams: Sequence[str],
    expiry: LetterExpiry,
    replays: ReplayExpiry,
    settings: IngestSettings,
) -> Sequence[Job]:
    """The jobs of ingest, for its runner."""

    async def remove_consumers(_: JobContext) -> Mapping[str, int]:
        return {"removed": await remove_dead_consumers(redis, INGEST, letter_streams)}

    async def expire_dead_letters(_: JobContext) -> Mapping[str, int]:
        return await expiry.expire()

    async def expire_replays(_: JobContext) -> Mapping[str, int]:
        return await replays.expire()

    async def drop_quarantine(context: JobContext) -> Mapping[str, int]:
        return await expire_quarantine(redis, INGEST, settings, context.due_at)

    return [
        retention_check(
            "ingest",
            Schedule("31 6 * * *"),
            partial(overdue_of, expiry.list_overdue, replays.list_overdue),
        ),
        Job(
            EXPIRE_REPLAYS,
            "Deletes replays of dead letters that are past their limit.",
            Schedule("12 0 * * *"),
            expire_replays,
        ),
        Job(
            EXPIRE_QUARANTINE,
            "Removes entries of quarantine that are past their limit.",
            Schedule("15 0 * * *"),
            drop_quarantine,
        ),
        Job(
            EXPIRE_LETTERS,
            "Deletes dead letters that are past their limit.",
            Schedule("10 0 * * *"),
            expire_dead_letters,
        ),
        Job(
            "ingest.remove_dead_consumers",
            "Removes the names of processes that are gone from the group that reads dead letters.",
            Schedule("15 3 * * *"),
            remove_consumers,
        ),
    ]
