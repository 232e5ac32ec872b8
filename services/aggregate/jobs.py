"""Schedules of aggregate's jobs; the work is in the modules they call."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.jobs.job import Job, JobContext, JobError
from libs.jobs.pruning import prune_runs
from libs.jobs.retention_check import retention_check
from libs.jobs.schedule import Schedule
from libs.streams.batch_pruning import BatchPruner, BatchTable
from libs.streams.dead_consumers import remove_dead_consumers
from libs.streams.deliverable import BacklogError, sources_for_aggregate
from libs.streams.names import AGGREGATE, enriched_stream, streams_of
from libs.streams.quarantine_expiry import expire_quarantine
from services.aggregate.expiry.expiry import Expiry
from services.aggregate.renaming.postgres import MemberRenamer
from services.aggregate.settings import AggregateSettings

BATCHES = BatchTable("aggregate.batches", "applied_at")


def aggregate_jobs(
    redis: Redis,
    engine: AsyncEngine,
    renamer: MemberRenamer,
    expiry: Expiry,
    settings: AggregateSettings,
) -> Sequence[Job]:
    """The jobs of aggregate, for its runner."""
    kept = timedelta(hours=settings.batch_ids_kept_hours)
    pruner = BatchPruner(engine, redis, BATCHES, sources_for_aggregate(settings.shards), kept)
    streams = streams_of(settings.shards, enriched_stream)

    async def prune(_: JobContext) -> Mapping[str, int]:
        try:
            return await pruner.prune()
        except BacklogError as error:
            raise JobError(str(error)) from None

    async def remove_consumers(_: JobContext) -> Mapping[str, int]:
        return {"removed": await remove_dead_consumers(redis, AGGREGATE, streams)}

    async def prune_job_runs(context: JobContext) -> Mapping[str, int]:
        kept_runs = timedelta(days=settings.job_runs_kept_days)
        return {"deleted": await prune_runs(engine, context.due_at - kept_runs)}

    async def rename_members(_: JobContext) -> Mapping[str, int]:
        return await renamer.rename()

    async def expire_rollups(_: JobContext) -> Mapping[str, int]:
        return await expiry.expire()

    async def drop_quarantine(context: JobContext) -> Mapping[str, int]:
        return await expire_quarantine(redis, AGGREGATE, settings, context.due_at)

    return [
        retention_check("aggregate", Schedule("32 6 * * *"), expiry.list_overdue),
        Job(
            "aggregate.expire_quarantine",
            "Removes entries of quarantine that are past their limit.",
            Schedule("17 0 * * *"),
            drop_quarantine,
        ),
        Job(
            "aggregate.expire_rollups",
            "Deletes the cells of rollups that are not kept any more.",
            Schedule("40 3 * * *"),
            expire_rollups,
        ),
        Job(
            "aggregate.rename_members",
            "Puts pseudonyms in the place of people's ids that older releases kept for distinct metrics.",
            Schedule("10 4 * * *"),
            rename_members,
        ),
        Job(
            "aggregate.prune_job_runs",
            "Deletes old runs of all services' jobs from the journal.",
            Schedule("55 3 * * *"),
            prune_job_runs,
        ),
        Job(
            "aggregate.prune_batches",
            "Forgets counted batches that no stream can deliver again.",
            Schedule("37 * * * *"),
            prune,
        ),
        Job(
            "aggregate.remove_dead_consumers",
            "Removes the names of processes that are gone from the group that reads stored events.",
            Schedule("25 3 * * *"),
            remove_consumers,
        ),
    ]
