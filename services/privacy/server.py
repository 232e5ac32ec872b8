"""Privacy's composition root: settings in, a ready service out."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

from weir.privacy.v1 import (
    audit_service_pb2_grpc,
    privacy_service_pb2_grpc,
    retention_service_pb2_grpc,
    subject_key_service_pb2_grpc,
    subject_request_service_pb2_grpc,
)

from libs.audit import Auditor
from libs.common.clock import Clock, SystemClock
from libs.common.expiry import overdue_of
from libs.consent import ConsentReader
from libs.jobs.journal_view import JournalView
from libs.jobs.postgres import create_runner
from libs.jobs.requested import RequestedJobs
from libs.objects import ObjectStoreError
from libs.objects.opening import open_objects
from libs.rpc.peers import Peers
from libs.rpc.process import ServiceParts
from libs.rpc.readiness import Startup
from libs.rpc.retention_target import Retention
from libs.rpc.server import Binding
from libs.runtime.catalog_reload import open_catalogs
from libs.runtime.loops import Loop
from libs.sealing.keyring import KeyringError
from libs.stores.postgres import POSTGRES_ERRORS, create_engine, failure_of
from libs.stores.redis_client import REDIS_DOWN, create_redis
from libs.stores.redis_connection import RedisConnection
from libs.stores.watch import all_of, any_of
from libs.streams.consumer import EntryHandling, create_consumer
from libs.streams.lag import LagMeter
from libs.streams.names import AUDIT_STREAM, PRIVACY
from libs.streams.trimming import StreamTrimmer
from services.privacy import metrics
from services.privacy.audit.chainer import Chainer
from services.privacy.audit.convert import SERVICE_NAME as AUDIT_SERVICE_NAME
from services.privacy.audit.entries import AuditStreamReader, occurred_at_us
from services.privacy.audit.postgres import PostgresAuditTrail
from services.privacy.audit.pruning import PRUNE, AuditPruning
from services.privacy.audit.redis import RedisPublishedHeads
from services.privacy.audit.service import AuditServicer
from services.privacy.audit.verifying import ChainVerifier
from services.privacy.consent.changes import ConsentChanges
from services.privacy.consent.checking import Checker
from services.privacy.consent.mirror_loop import MirrorLoop
from services.privacy.consent.mirror_sync import MirrorSync
from services.privacy.consent.postgres import PostgresConsentStore
from services.privacy.consent.receipts import Receipts
from services.privacy.consent.recording import Recorder
from services.privacy.consent.redis import RedisConsentMirror
from services.privacy.consent.resync_queue import ResyncQueue
from services.privacy.consent.service import SERVICE_NAME, PrivacyServicer
from services.privacy.exports.erasing import ExportedFiles
from services.privacy.exports.expiry import ExportExpiry
from services.privacy.exports.exporter import Exporter
from services.privacy.exports.handler import ExportHandler
from services.privacy.exports.ports import NoObjects, Objects
from services.privacy.exports.postgres import PostgresExportFiles, PostgresExportProgress
from services.privacy.exports.service import ExportCalls
from services.privacy.exports.work import ExportWork
from services.privacy.jobs import privacy_jobs
from services.privacy.rectification.handler import RectificationHandler
from services.privacy.rectification.service import RectificationCalls
from services.privacy.requests.asking import Asking
from services.privacy.requests.convert import SERVICE_NAME as REQUEST_SERVICE_NAME
from services.privacy.requests.engine import RequestEngine
from services.privacy.requests.erasure import ErasureHandler
from services.privacy.requests.model import Kind
from services.privacy.requests.peers import PeerSubjectData
from services.privacy.requests.postgres import PostgresRequests
from services.privacy.requests.redis import RedisStreamClock
from services.privacy.requests.service import SubjectRequestServicer
from services.privacy.retention.convert import SERVICE_NAME as RETENTION_SERVICE_NAME
from services.privacy.retention.driving import RunDriver
from services.privacy.retention.measuring import OverdueMeter
from services.privacy.retention.model import OWN_LIMITS
from services.privacy.retention.postgres import PostgresRetentionRuns
from services.privacy.retention.service import RetentionServicer, retention_targets
from services.privacy.sealing.convert import SERVICE_NAME as KEY_SERVICE_NAME
from services.privacy.sealing.kept import KeptKeys
from services.privacy.sealing.postgres import PostgresKeyStore
from services.privacy.sealing.redis import RetiredKeys
from services.privacy.sealing.rewrapping import Rewrapping
from services.privacy.sealing.rotation import KeyRotation
from services.privacy.sealing.rows import OpenedRows
from services.privacy.sealing.service import SubjectKeyServicer
from services.privacy.settings import PrivacySettings
from services.privacy.subject_rows.postgres import SubjectRows
from services.privacy.tables import metadata


async def build(
    settings: PrivacySettings, stack: AsyncExitStack, clock: Clock | None = None
) -> ServiceParts:
    """Wires privacy up; what it opens is closed with `stack`. Without a `clock`, by the machine's own."""
    pseudonymizer = settings.pseudonymizer()
    chain_keys = settings.chain_keys()
    keyring = settings.keyring()
    reload = open_catalogs(settings)
    redis_url = settings.redis_url.get_secret_value()
    redis_timeout = settings.consent_redis_timeout_seconds
    reader = ConsentReader(
        redis_url,
        settings.shards,
        timeout_seconds=redis_timeout,
        pseudonyms=pseudonymizer.all_epochs,
    )
    stack.push_async_callback(reader.aclose)
    await reader.start()
    # Apart from the reader's: a fill's large writes must not make checks wait.
    connection = RedisConnection(redis_url, timeout_seconds=redis_timeout)
    stack.push_async_callback(connection.aclose)
    await connection.start()
    engine = create_engine(settings.database_url.get_secret_value(), service="privacy")
    stack.push_async_callback(engine.dispose)
    redis = create_redis(redis_url)
    stack.push_async_callback(redis.aclose)
    # Apart from consent's, as the trail's below: enrich asks for keys with each chunk that needs some.
    key_engine = create_engine(
        settings.database_url.get_secret_value(),
        service="privacy-keys",
        pool_size=1,
        max_overflow=3,
    )
    stack.push_async_callback(key_engine.dispose)
    # Apart from consent's: nothing that reads the trail may keep a check or a recording waiting.
    audit_engine = create_engine(
        settings.database_url.get_secret_value(),
        service="privacy-audit",
        pool_size=1,
        max_overflow=3,
    )
    stack.push_async_callback(audit_engine.dispose)

    clock = clock or SystemClock()
    store = PostgresConsentStore(engine, settings.consent_database_timeout_seconds)
    mirror = RedisConsentMirror(connection, settings.shards, pseudonymizer.all_epochs)
    resyncs = ResyncQueue()
    # While Redis is away no mirror can be filled, and Postgres answers.
    startup = Startup(ignored_while_away="redis")
    sync = MirrorSync(
        reload.catalogs,
        store,
        mirror,
        resyncs,
        settings.consent_page_size,
        pseudonymizer.all_epochs,
        on_readable=startup.finish,
    )
    checker = Checker(reload.catalogs, reader, store, clock, pseudonymizer.all_epochs)
    auditor = Auditor(pseudonymizer, clock)
    recorder = Recorder(store, mirror, resyncs, auditor, clock, pseudonymizer.all_epochs)
    trail = PostgresAuditTrail(audit_engine)
    heads = RedisPublishedHeads(redis)
    reads = create_consumer(
        redis,
        settings,
        group=PRIVACY,
        streams=[AUDIT_STREAM],
        handling=EntryHandling(AuditStreamReader(trail).keep, failure_of),
    )
    pruning = AuditPruning(
        reload.catalogs, trail, chain_keys, auditor, settings.audit_kept_days, clock
    )
    key_store = PostgresKeyStore(key_engine)
    chainer = Chainer(trail, heads, chain_keys, clock, POSTGRES_ERRORS)
    changes = ConsentChanges(
        store,
        poll_seconds=settings.consent_watch_poll_seconds,
        max_watchers=settings.max_watchers,
    )
    receipts = Receipts(*settings.receipt_keys())
    # Each request that is being carried out holds a connection, and takes others for its parts.
    requests_engine = create_engine(
        settings.database_url.get_secret_value(),
        service="privacy-requests",
        pool_size=1,
        max_overflow=9,
    )
    stack.push_async_callback(requests_engine.dispose)
    requests = PostgresRequests(requests_engine)
    peers = Peers(settings, stack)
    asking = Asking(reload.catalogs, requests, auditor, pseudonymizer, clock, recorder.record)
    streams = RedisStreamClock(redis)
    # Aggregate last: it counts again without what the others have erased.
    others = {name: PeerSubjectData(peers, name) for name in ("ingest", "enrich", "aggregate")}
    objects = _export_objects(settings)
    export_files = PostgresExportFiles(requests_engine, settings.exports_kept_days)
    sources = {name: service.export for name, service in others.items()}
    export_work = ExportWork(
        Exporter(
            {**sources, "privacy": SubjectRows(requests_engine).read},
            OpenedRows(key_store, keyring),
            objects,
        ),
        export_files,
        objects,
        timedelta(days=settings.exports_kept_days),
        clock,
    )
    exports = ExportHandler(
        PostgresExportProgress(requests_engine, requests),
        export_work,
        others,
        streams,
        reload.catalogs,
        pseudonymizer,
        auditor,
        clock,
    )
    export_calls = ExportCalls(
        reload.catalogs, asking, export_files, objects, trail, auditor, clock
    )
    erasures = ErasureHandler(
        reload.catalogs,
        requests,
        {**others, "exports": ExportedFiles(export_work)},
        streams,
        recorder,
        mirror,
        RetiredKeys(redis),
        receipts,
        auditor,
        pseudonymizer,
        clock,
    )
    transient = (*POSTGRES_ERRORS, *REDIS_DOWN, ObjectStoreError, KeyringError)
    export_expiry = ExportExpiry(
        export_work, export_files, settings.exports_kept_days, clock, transient
    )
    list_overdue = partial(overdue_of, pruning.list_overdue, export_expiry.list_overdue)
    jobs = privacy_jobs(
        pruning,
        Rewrapping(key_store, keyring),
        KeptKeys(key_store, others["enrich"], auditor, clock),
        list_overdue,
    )
    rectifications = RectificationHandler(
        requests,
        others["enrich"],
        others["aggregate"],
        others,
        streams,
        pseudonymizer,
        auditor,
        clock,
    )
    request_engine = RequestEngine(
        requests,
        {Kind.ERASURE: erasures, Kind.EXPORT: exports, Kind.RECTIFICATION: rectifications},
        clock,
        transient,
    )
    servicer = PrivacyServicer(
        reload.catalogs,
        checker,
        recorder,
        store,
        changes,
        receipts,
        auditor,
        trail,
        clock,
    )
    # Privacy's own stores, beside those of the others.
    requested = asyncio.Event()
    own_retention = Retention(
        list_overdue,
        lambda: [*OWN_LIMITS, *pruning.list_limits(), *export_expiry.list_limits()],
        RequestedJobs((PRUNE,), JournalView(audit_engine, clock, requested)),
    )
    targets = retention_targets(peers, own_retention)
    retention_runs = PostgresRetentionRuns(audit_engine)
    driver = RunDriver(retention_runs, targets, clock, POSTGRES_ERRORS)
    meter = OverdueMeter(targets, clock, settings.retention_check_seconds)
    rotation = KeyRotation(
        key_store,
        keyring,
        clock,
        timedelta(days=settings.sealing_key_rotation_days),
        POSTGRES_ERRORS,
    )
    metrics.RESYNCS_PENDING.set_function(resyncs.__len__)
    return ServiceParts(
        bindings=[
            Binding(
                SERVICE_NAME,
                servicer,
                privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
                needs=any_of("redis", "postgres"),
                startup=startup,
            ),
            Binding(
                AUDIT_SERVICE_NAME,
                AuditServicer(
                    reload.catalogs,
                    trail,
                    ChainVerifier(trail, heads, chain_keys),
                    auditor,
                    pseudonymizer,
                    clock,
                ),
                audit_service_pb2_grpc.add_AuditServiceServicer_to_server,
                needs=all_of("postgres"),
            ),
            Binding(
                RETENTION_SERVICE_NAME,
                RetentionServicer(reload.catalogs, targets, retention_runs, driver, auditor, clock),
                retention_service_pb2_grpc.add_RetentionServiceServicer_to_server,
                needs=all_of("postgres"),
            ),
            Binding(
                REQUEST_SERVICE_NAME,
                SubjectRequestServicer(
                    reload.catalogs,
                    asking,
                    requests,
                    auditor,
                    trail,
                    pseudonymizer,
                    clock,
                    export_calls,
                    RectificationCalls(reload.catalogs, asking, rectifications, pseudonymizer),
                    recorder,
                ),
                subject_request_service_pb2_grpc.add_SubjectRequestServiceServicer_to_server,
                needs=all_of("postgres"),
            ),
            Binding(
                KEY_SERVICE_NAME,
                SubjectKeyServicer(reload.catalogs, key_store, keyring, auditor, trail, rotation),
                subject_key_service_pb2_grpc.add_SubjectKeyServiceServicer_to_server,
                needs=all_of("postgres"),
            ),
        ],
        catalogs=reload,
        tables=metadata,
        loops=[
            Loop("consent mirror", MirrorLoop(sync, settings.consent_poll_seconds).run),
            Loop("audit chain", chainer.run),
            Loop("requests", request_engine.run),
            Loop("expired exports", export_expiry.run),
            Loop("changes of consent", changes.run),
            Loop("jobs", create_runner("privacy", jobs, audit_engine, clock, requested).run),
            Loop("audited reads", reads.run),
            Loop("retention runs", driver.run),
            Loop("overdue data", meter.run),
            Loop("age of the wrapping key", rotation.run),
            Loop("lag", LagMeter(redis, PRIVACY, [AUDIT_STREAM], occurred_at_us, clock).run),
            Loop("trimming", StreamTrimmer(redis, [AUDIT_STREAM], _no_backlog).run),
        ],
        drain=changes.drain,
    )


def _export_objects(settings: PrivacySettings) -> Objects:
    """Where exports are kept. Raises ConfigurationError."""
    if not settings.exports_url:
        return NoObjects()
    return open_objects(settings.exports_url, settings.variable("exports_url"))


async def _no_backlog() -> None:
    """The stream of reads has no limit of its own: without privacy it grows by some 400 bytes a read."""
