"""Enrich's composition root: settings in, a ready service out."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import structlog
from weir.enrich.v1 import enrich_service_pb2_grpc

from libs.common.clock import Clock, SystemClock
from libs.common.expiry import overdue_of
from libs.jobs.journal_view import JournalView
from libs.jobs.postgres import create_runner
from libs.jobs.requested import RequestedJobs
from libs.rpc.peers import Peers
from libs.rpc.process import ServiceParts
from libs.rpc.retention_target import Retention, retention_target
from libs.rpc.server import Binding
from libs.rpc.subject_data import subject_data
from libs.rpc.subject_keys import RemoteSubjectKeys
from libs.runtime.catalog_reload import open_catalogs
from libs.runtime.loops import Loop
from libs.sealing.keys import KeysUnavailable
from libs.stores.failure import StoreFailure
from libs.stores.postgres import create_engine, failure_of
from libs.stores.postgres_connector import PostgresConnector
from libs.stores.redis_client import create_redis
from libs.stores.watch import all_of
from libs.streams.consumer import EntryHandling, create_consumer
from libs.streams.lag import LagMeter, raw_received_us
from libs.streams.names import (
    ENRICH,
    enrich_dead_letters,
    enriched_stream,
    raw_stream,
    streams_of,
)
from libs.streams.quarantine_erasure import QuarantineErasure
from libs.streams.quarantine_expiry import QuarantineRetention
from libs.streams.quarantined_batches import raw_without
from libs.streams.trimming import StreamTrimmer
from services.enrich.anonymization.anonymize import keyed_event_uuid
from services.enrich.anonymization.job import Anonymization
from services.enrich.anonymization.late import LateAnonymizer
from services.enrich.anonymization.postgres import PostgresNamedEvents
from services.enrich.archive.expiry import ArchiveExpiry
from services.enrich.archive.job import Archiving
from services.enrich.archive.people import ArchivedPeople
from services.enrich.archive.postgres import PostgresArchive
from services.enrich.archive.process import ArchiveProcess
from services.enrich.archive.rows import ArchivedRows
from services.enrich.backpressure import Backpressure
from services.enrich.dead_letter_limit import DeadLetterLimit
from services.enrich.entries import RawStreamReader
from services.enrich.erasure.anonymizing import AnonymizedEvents
from services.enrich.erasure.data import EnrichSubjectData
from services.enrich.erasure.fences import Fences
from services.enrich.erasure.postgres import ErasedEvents
from services.enrich.jobs import enrich_jobs
from services.enrich.partitions.keeper import PartitionKeeper
from services.enrich.partitions.postgres import PostgresPartitionStore
from services.enrich.persons.postgres import PersonFiller
from services.enrich.pipeline import EnrichPipeline
from services.enrich.preview.preview import Preview
from services.enrich.preview.service import SERVICE_NAME, EnrichServicer
from services.enrich.rectification.data import EnrichRectification
from services.enrich.rectification.postgres import PostgresEvents
from services.enrich.redis import RedisEnrichedStream
from services.enrich.retention.overdue import OverdueEvents
from services.enrich.retention.policies import JOBS as RETENTION_JOBS
from services.enrich.retention.policies import event_limits
from services.enrich.retention.postgres import PostgresExpiredEvents
from services.enrich.retention.redis import CountedBatches
from services.enrich.retention.removal import Removal
from services.enrich.sealing.known_keys import KnownKeys
from services.enrich.sealing.postgres import PostgresSealedValues
from services.enrich.sealing.redis import RedisRetirements
from services.enrich.sealing.sealer import Sealer
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.settings import EnrichSettings
from services.enrich.steps.country import Lookup, country_lookup, unknown_kinds
from services.enrich.steps.registry import all_steps
from services.enrich.storage.postgres import PostgresEventStore
from services.enrich.subject_rows.postgres import SubjectRows
from services.enrich.tables import metadata

log = structlog.get_logger()


async def build(
    settings: EnrichSettings, stack: AsyncExitStack, clock: Clock | None = None
) -> ServiceParts:
    """Builds the service; what it opens is closed with `stack`. Without a `clock`, by the machine's own."""
    # Of people alone, asked for once an event. With 16,384, one event in 50 more finds its own, and 4 MB
    # more are taken.
    pseudonymizer = settings.pseudonymizer(remembered=4_096)
    reload = open_catalogs(settings)
    redis = create_redis(settings.redis_url.get_secret_value())
    stack.push_async_callback(redis.aclose)
    database_url = settings.database_url.get_secret_value()
    engine = create_engine(database_url, service="enrich")
    stack.push_async_callback(engine.dispose)
    store = PostgresEventStore(
        engine,
        PostgresConnector(database_url, service="enrich"),
        pseudonymizer,
        reload.catalogs,
    )
    stack.callback(store.close)

    clock = clock or SystemClock()
    country = open_countries(settings.geoip_mmdb_path)
    sessions = RedisSessionStore(redis.commands, clock, settings.session_idle_seconds)
    stream = RedisEnrichedStream(redis, settings.shards)
    sealer = Sealer(
        reload.catalogs,
        pseudonymizer,
        KnownKeys(
            RemoteSubjectKeys(Peers(settings, stack)),
            RedisRetirements(redis),
            clock,
            limit=settings.known_keys,
            seconds=settings.known_keys_seconds,
        ),
    )
    pipeline = EnrichPipeline(
        reload.catalogs,
        all_steps(country, sessions),
        store,
        stream,
        DeadLetterLimit(settings.max_dead_letter_share, settings.dead_letter_minimum_events),
        LateAnonymizer(reload.catalogs, pseudonymizer, clock),
        sealer,
    )
    backpressure = Backpressure(stream.size_bytes, settings.max_enriched_bytes)
    entries = RawStreamReader(pipeline)
    streams = streams_of(settings.shards, raw_stream)
    written_streams = streams_of(settings.shards, enriched_stream, enrich_dead_letters)
    consumer = create_consumer(
        redis,
        settings,
        group=ENRICH,
        streams=streams,
        handling=EntryHandling(
            entries.process,
            _failure_of,
            entries.dead_letter,
            backpressure.is_set,
            # One chunk is prepared while another is stored.
            overlap=2,
        ),
    )
    partitions = PostgresPartitionStore(engine)
    keeper = PartitionKeeper(partitions, clock)
    counted = CountedBatches(redis, settings.shards, clock).before
    removal = Removal(
        reload.catalogs,
        PostgresExpiredEvents(engine, partitions),
        counted,
        clock,
        has_archive=bool(settings.archive_url),
    )
    filler = PersonFiller(engine, pseudonymizer)
    anonymization = Anonymization(
        reload.catalogs, PostgresNamedEvents(engine), pseudonymizer, clock
    )
    quarantine = QuarantineRetention(redis, ENRICH, settings, clock)
    archive_process = ArchiveProcess(settings)
    archive_expiry = ArchiveExpiry(settings, PostgresArchive(engine), clock, archive_process.ask)
    requested = asyncio.Event()
    retention = Retention(
        partial(
            overdue_of,
            OverdueEvents(anonymization, removal).list_overdue,
            archive_expiry.list_overdue,
            quarantine.list_overdue,
        ),
        lambda: [
            *event_limits(reload.catalogs.current.catalogs),
            *archive_expiry.limits(),
            quarantine.limit(),
        ],
        RequestedJobs(RETENTION_JOBS, JournalView(engine, clock, requested)),
    )
    archiving = Archiving(
        reload.catalogs, anonymization, counted, clock, removal, archive_process.ask
    )
    archived_people = ArchivedPeople(reload.catalogs, PostgresArchive(engine), archive_process.ask)
    stack.push_async_callback(archived_people.close)
    without = partial(raw_without, new_id=partial(keyed_event_uuid, pseudonymizer))
    about_people = EnrichSubjectData(
        reload.catalogs,
        ErasedEvents(engine),
        Fences(engine, pseudonymizer, reload.catalogs),
        sessions,
        redis,
        settings.shards,
        SubjectRows(engine, sessions, settings, ArchivedRows(archive_process.stream)),
        archived_people,
        QuarantineErasure(redis, reload.catalogs, ENRICH, settings.shards, without),
        AnonymizedEvents(reload.catalogs, pseudonymizer),
        pseudonymizer,
    )
    jobs = enrich_jobs(
        redis, engine, keeper, filler, anonymization, removal, archiving, archive_expiry, settings
    )
    return ServiceParts(
        bindings=[
            Binding(
                SERVICE_NAME,
                EnrichServicer(
                    Preview(reload.catalogs, pipeline.enricher, country, sessions, settings.shards)
                ),
                enrich_service_pb2_grpc.add_EnrichServiceServicer_to_server,
                needs=all_of("redis", "postgres"),
            ),
            retention_target(retention, needs=all_of("postgres", "redis")),
            subject_data(
                about_people,
                needs=all_of("postgres", "redis"),
                sealed=PostgresSealedValues(engine, reload.catalogs),
                events=EnrichRectification(
                    reload.catalogs, PostgresEvents(engine), sealer, pseudonymizer
                ),
            ),
        ],
        catalogs=reload,
        tables=metadata,
        loops=[
            Loop("raw", consumer.run),
            Loop("partitions", keeper.run),
            Loop("jobs", create_runner("enrich", jobs, engine, clock, requested).run),
            Loop("lag", LagMeter(redis, ENRICH, streams, raw_received_us, clock).run),
            Loop("trimming", StreamTrimmer(redis, written_streams, backpressure.measure).run),
        ],
    )


def _failure_of(error: Exception) -> StoreFailure | None:
    """Without the keys of people nothing is stored that should be sealed."""
    return StoreFailure.UNAVAILABLE if isinstance(error, KeysUnavailable) else failure_of(error)


def open_countries(mmdb_path: Path | None) -> Lookup:
    """The lookup of countries; logs a warning when an operator's database lacks IPv4 or IPv6 addresses.
    Raises ConfigurationError for a path that is no database."""
    country = country_lookup(mmdb_path)
    # The bundled data are checked by tests, and not read before they are needed.
    for kind in unknown_kinds(country) if mmdb_path else ():
        log.warning(
            "the country database knows no well-known address",
            setting="WEIR_ENRICH_GEOIP_MMDB_PATH",
            path=str(mmdb_path),
            kind=kind,
        )
    return country
