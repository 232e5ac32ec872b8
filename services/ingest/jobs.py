"""Schedules of ingest's jobs; the work is in the modules they call."""

from collections.abc import Mapping, Sequence

from redis.asyncio import Redis

from libs.jobs.job import Job, JobContext
from libs.jobs.schedule import Schedule
from libs.streams.dead_consumers import remove_dead_consumers
from libs.streams.names import INGEST


def ingest_jobs(redis: Redis, letter_streams: Sequence[str]) -> Sequence[Job]:
    """The jobs of ingest, for its runner."""

    async def remove_consumers(_: JobContext) -> Mapping[str, int]:
        return {"removed": await remove_dead_consumers(redis, INGEST, letter_streams)}

    return [
        Job(
            "ingest.remove_dead_consumers",
            "Removes the names of processes that are gone from the group that reads dead letters.",
            Schedule("15 3 * * *"),
            remove_consumers,
        )
    ]
