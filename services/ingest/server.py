"""Ingest's composition root: settings in, a ready service out."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from weir.ingest.v1 import dead_letter_service_pb2_grpc, ingest_service_pb2_grpc

from libs.audit import Auditor
from libs.common.clock import Clock, SystemClock
from libs.common.expiry import overdue_of
from libs.common.ids import new_uuid7
from libs.consent import ConsentReader
from libs.jobs.journal_view import JournalView
from libs.jobs.postgres import create_runner
from libs.jobs.requested import RequestedJobs
from libs.rpc.audited_reads import AuditedReads
from libs.rpc.peers import Peers
from libs.rpc.process import ServiceParts
from libs.rpc.restricted_people import RemoteRestrictedPeople
from libs.rpc.retention_target import Retention, retention_target
from libs.rpc.server import Binding
from libs.rpc.subject_data import subject_data
from libs.runtime.catalog_reload import open_catalogs
from libs.runtime.loops import Loop
from libs.stores.postgres import POSTGRES_ERRORS, create_engine, failure_of
from libs.stores.redis_client import REDIS_DOWN, create_redis
from libs.stores.redis_commands import RedisCommands
from libs.stores.watch import all_of
from libs.streams.consumer import EntryHandling, create_consumer
from libs.streams.lag import LagMeter, dead_letters_received_us
from libs.streams.names import (
    INGEST,
    enrich_dead_letters,
    ingest_dead_letters,
    raw_stream,
    streams_of,
)
from libs.streams.quarantine_erasure import QuarantineErasure
from libs.streams.quarantine_expiry import QuarantineRetention
from libs.streams.trimming import StreamTrimmer
from services.ingest.dead_letters.convert import SERVICE_NAME as DEAD_LETTER_SERVICE
from services.ingest.dead_letters.expiry import LetterExpiry
from services.ingest.dead_letters.listing.postgres import ListedLetters
from services.ingest.dead_letters.listing.service import LetterLists
from services.ingest.dead_letters.postgres import (
    PostgresDeadLetterWriter,
    PostgresExpiredLetters,
)
from services.ingest.dead_letters.restrictions import RestrictedLetters
from services.ingest.dead_letters.service import DeadLetterServicer
from services.ingest.erasure.convert import letters_without
from services.ingest.erasure.data import IngestSubjectData
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.consent_gate import ConsentGate
from services.ingest.intake.group_commit import GroupCommit
from services.ingest.intake.pipeline import IngestPipeline
from services.ingest.intake.redis import RedisRawStream
from services.ingest.intake.service import SERVICE_NAME, IngestServicer
from services.ingest.jobs import RETENTION_JOBS, ingest_jobs
from services.ingest.replay.anonymizer import ReplayedAnonymizer
from services.ingest.replay.expiry import ReplayExpiry
from services.ingest.replay.intake import ReplayIntake
from services.ingest.replay.postgres import PostgresReplays
from services.ingest.replay.runner import ReplayRunner
from services.ingest.replay.service import RequestedReplays
from services.ingest.settings import IngestSettings
from services.ingest.subject_rows.convert import event_of
from services.ingest.subject_rows.postgres import SubjectRows
from services.ingest.tables import metadata


async def build(
    settings: IngestSettings, stack: AsyncExitStack, clock: Clock | None = None
) -> ServiceParts:
    """Wires ingest up; what it opens is closed with `stack`. Without a `clock`, by the machine's own."""
    pseudonymizer = settings.pseudonymizer()
    anonymizer = Anonymizer(pseudonymizer)
    reload = open_catalogs(settings)
    redis_url = settings.redis_url.get_secret_value()
    redis = create_redis(redis_url)
    stack.push_async_callback(redis.aclose)
    consents = ConsentReader(redis_url, settings.shards, pseudonyms=pseudonymizer.all_epochs)
    await consents.start()
    stack.push_async_callback(consents.aclose)
    # Apart from the other commands and the consents': what reads does not wait for the disk behind an append.
    appends = RedisCommands(redis_url)
    stack.push_async_callback(appends.aclose)
    engine = create_engine(settings.database_url.get_secret_value(), service="ingest")
    stack.push_async_callback(engine.dispose)

    stream = RedisRawStream(redis, appends, settings)
    clock = clock or SystemClock()
    pipeline = IngestPipeline(
        reload.catalogs,
        ConsentGate(consents, anonymizer),
        stream,
        clock,
        new_uuid7,
        settings,
    )
    draining = asyncio.Event()
    letter_streams = streams_of(settings.shards, ingest_dead_letters, enrich_dead_letters)
    written_streams = streams_of(settings.shards, raw_stream, ingest_dead_letters)
    letters = create_consumer(
        redis,
        settings,
        group=INGEST,
        streams=letter_streams,
        handling=EntryHandling(
            PostgresDeadLetterWriter(engine, pseudonymizer, reload.catalogs).write, failure_of
        ),
    )
    expiry = LetterExpiry(
        reload.catalogs, PostgresExpiredLetters(engine), settings.dead_letters_kept_days, clock
    )
    quarantine = QuarantineRetention(redis, INGEST, settings, clock)
    replays = PostgresReplays(engine, pseudonymizer)
    replay_expiry = ReplayExpiry(replays, settings.replays_kept_days, clock)
    requested = asyncio.Event()
    retention = Retention(
        partial(
            overdue_of, expiry.list_overdue, quarantine.list_overdue, replay_expiry.list_overdue
        ),
        lambda: [*expiry.list_limits(), quarantine.limit(), replay_expiry.limit()],
        RequestedJobs(RETENTION_JOBS, JournalView(engine, clock, requested)),
    )
    restricted = RestrictedLetters(
        RemoteRestrictedPeople(Peers(settings, stack)), reload.catalogs, event_of
    )
    replay_pipeline = IngestPipeline(
        reload.catalogs,
        ConsentGate(consents, ReplayedAnonymizer(pseudonymizer)),
        stream,
        clock,
        new_uuid7,
        settings,
    )
    replay_runner = ReplayRunner(
        replays,
        ReplayIntake(replay_pipeline, restricted, clock),
        (*POSTGRES_ERRORS, *REDIS_DOWN),
    )
    jobs = ingest_jobs(redis, letter_streams, expiry, replay_expiry, settings)
    return ServiceParts(
        bindings=[
            Binding(
                SERVICE_NAME,
                IngestServicer(GroupCommit(pipeline, settings), settings, draining),
                ingest_service_pb2_grpc.add_IngestServiceServicer_to_server,
                needs=all_of("redis"),
            ),
            Binding(
                DEAD_LETTER_SERVICE,
                DeadLetterServicer(
                    LetterLists(reload.catalogs, ListedLetters(engine), restricted, clock),
                    RequestedReplays(reload.catalogs, replays, clock),
                    AuditedReads(redis, Auditor(pseudonymizer, clock)),
                ),
                dead_letter_service_pb2_grpc.add_DeadLetterServiceServicer_to_server,
                needs=all_of("postgres"),
            ),
            retention_target(retention, needs=all_of("postgres", "redis")),
            subject_data(
                IngestSubjectData(
                    reload.catalogs,
                    engine,
                    redis,
                    letter_streams,
                    SubjectRows(engine, reload.catalogs),
                    QuarantineErasure(
                        redis, reload.catalogs, INGEST, settings.shards, letters_without
                    ),
                ),
                needs=all_of("postgres", "redis"),
            ),
        ],
        catalogs=reload,
        tables=metadata,
        loops=[
            Loop("dead letters", letters.run),
            Loop(
                "lag",
                LagMeter(redis, INGEST, letter_streams, dead_letters_received_us, clock).run,
            ),
            Loop("replays", replay_runner.run),
            Loop("jobs", create_runner("ingest", jobs, engine, clock, requested).run),
            Loop("trimming", StreamTrimmer(redis, written_streams, stream.limit_backlogs).run),
        ],
        drain=draining.set,
    )
