"""Schedules of enrich's jobs; the work is in the modules they call."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

import psycopg
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.expiry import overdue_of
from libs.jobs.job import Job, JobContext, JobError, Retries
from libs.jobs.retention_check import retention_check
from libs.jobs.schedule import Schedule
from libs.streams.batch_pruning import BatchPruner, BatchTable
from libs.streams.dead_consumers import remove_dead_consumers
from libs.streams.deliverable import BacklogError, sources_for_enrich
from libs.streams.names import ENRICH, raw_stream, streams_of
from libs.streams.quarantine_expiry import expire_quarantine
from services.enrich.anonymization.job import Anonymization
from services.enrich.archive.expiry import ArchiveExpiry
from services.enrich.archive.job import Archiving
from services.enrich.partitions.keeper import PartitionKeeper
from services.enrich.persons.postgres import PersonFiller
from services.enrich.retention.overdue import OverdueEvents
from services.enrich.retention.removal import Removal
from services.enrich.settings import EnrichSettings

BATCHES = BatchTable("enrich.batches", "stored_at")


def enrich_jobs(
    redis: Redis,
    engine: AsyncEngine,
    keeper: PartitionKeeper,
    filler: PersonFiller,
    anonymization: Anonymization,
    removal: Removal,
    archiving: Archiving,
    archive_expiry: ArchiveExpiry,
    settings: EnrichSettings,
) -> Sequence[Job]:
    """The jobs of enrich, for its runner."""
    kept = timedelta(hours=settings.batch_ids_kept_hours)
    pruner = BatchPruner(engine, redis, BATCHES, sources_for_enrich(settings.shards), kept)
    streams = streams_of(settings.shards, raw_stream)

    async def prune(_: JobContext) -> Mapping[str, int]:
        try:
            return await pruner.prune()
        except BacklogError as error:
            raise JobError(str(error)) from None

    async def make_partitions(_: JobContext) -> Mapping[str, int]:
        return await keeper.make_and_merge()

    async def fill_person(_: JobContext) -> Mapping[str, int]:
        return await filler.fill()

    async def anonymize_events(_: JobContext) -> Mapping[str, int]:
        return await anonymization.anonymize()

    async def archive_events(_: JobContext) -> Mapping[str, int]:
        if not settings.archive_url:
            return {}
        counts = await archiving.archive()
        if counts.get("unready"):
            raise JobError(
                f"{counts['unready']} apps wait until enrich.anonymize_events has taken out their people;"
                f" {counts['events']} events of others were archived"
            )
        if counts.get("changed"):
            raise JobError(
                f"{counts['changed']} days of apps were changed while they were archived;"
                f" {counts['events']} events of others were"
            )
        return counts

    async def expire_archive(_: JobContext) -> Mapping[str, int]:
        return await archive_expiry.expire()

    async def check_archive(_: JobContext) -> Mapping[str, int]:
        return await archiving.check() if settings.archive_url else {}

    async def expire_events(_: JobContext) -> Mapping[str, int]:
        try:
            counts = await removal.remove()
        except psycopg.errors.LockNotAvailable:
            raise JobError("a class of events is too busy for a partition to be dropped") from None
        if counts["waiting"]:
            raise JobError(
                f"{counts['waiting']} events past their limit wait until aggregate has counted them;"
                f" {counts['removed']} were removed"
            )
        return counts

    async def remove_consumers(_: JobContext) -> Mapping[str, int]:
        return {"removed": await remove_dead_consumers(redis, ENRICH, streams)}

    async def drop_quarantine(context: JobContext) -> Mapping[str, int]:
        return await expire_quarantine(redis, ENRICH, settings, context.due_at)

    return [
        retention_check(
            "enrich",
            Schedule("30 6 * * *"),
            partial(
                overdue_of,
                OverdueEvents(anonymization, removal).list_overdue,
                archive_expiry.list_overdue,
            ),
        ),
        Job(
            "enrich.expire_quarantine",
            "Removes entries of quarantine that are past their limit.",
            Schedule("16 0 * * *"),
            drop_quarantine,
        ),
        Job(
            "enrich.prune_batches",
            "Forgets stored batches that no stream can deliver again.",
            Schedule("17 * * * *"),
            prune,
        ),
        Job(
            "enrich.make_partitions",
            "Makes partitions of events a week ahead, and merges those that are out of retention.",
            Schedule("7 * * * *"),
            make_partitions,
            # A class may be too busy for a merge.
            retries=Retries(attempts=5, after=timedelta(minutes=2)),
        ),
        Job(
            "enrich.anonymize_events",
            "Takes people out of stored events that are as old as their category says.",
            Schedule("1 0 * * *"),
            anonymize_events,
            retries=Retries(attempts=10, after=timedelta(minutes=5)),
        ),
        Job(
            "enrich.archive_events",
            "Moves stored events that are past their limit into the archive, of apps that want one.",
            Schedule("3 0 * * *"),
            archive_events,
            retries=Retries(attempts=10, after=timedelta(minutes=5)),
        ),
        Job(
            "enrich.expire_archive",
            "Removes files of the archive that are past its limit, and restored days after a week.",
            Schedule("20 0 * * *"),
            expire_archive,
        ),
        Job(
            "enrich.check_archive",
            "Fails if a file of the archive is missing or changed, or if events were left behind.",
            Schedule("10 2 1 * *"),
            check_archive,
        ),
        Job(
            "enrich.expire_events",
            "Removes stored events that are past their limit, as whole partitions if it can.",
            Schedule("5 0 * * *"),
            expire_events,
            retries=Retries(attempts=10, after=timedelta(minutes=5)),
        ),
        Job(
            "enrich.fill_person",
            "Gives stored events of older releases the id of a person that numbers go by.",
            Schedule("27 * * * *"),
            fill_person,
        ),
        Job(
            "enrich.remove_dead_consumers",
            "Removes the names of processes that are gone from the group that reads accepted events.",
            Schedule("20 3 * * *"),
            remove_consumers,
        ),
    ]
