"""Aggregate's composition root: settings in, a ready service out."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial

from weir.aggregate.v1 import aggregate_service_pb2_grpc, job_service_pb2_grpc

from libs.audit import Auditor
from libs.common.clock import Clock, SystemClock
from libs.common.expiry import overdue_of
from libs.events.selection_postgres import SelectedEvents
from libs.jobs.job import Job
from libs.jobs.journal_view import JournalView
from libs.jobs.postgres import create_runner
from libs.jobs.pruning import RunRetention
from libs.jobs.requested import RequestedJobs
from libs.rpc.audited_reads import AuditedReads
from libs.rpc.peers import Peers
from libs.rpc.process import ServiceParts
from libs.rpc.restricted_people import RemoteRestrictedPeople
from libs.rpc.retention_target import Retention, retention_target
from libs.rpc.server import Binding
from libs.rpc.subject_data import subject_data
from libs.rpc.subject_keys import RemoteSubjectKeys
from libs.runtime.catalog_reload import open_catalogs
from libs.runtime.loops import Loop
from libs.stores.postgres import POSTGRES_ERRORS
from libs.stores.postgres_connector import PostgresConnector
from libs.stores.redis_client import REDIS_DOWN, create_redis
from libs.stores.watch import all_of
from libs.streams.lag import LagMeter, enriched_received_us
from libs.streams.names import AGGREGATE, enriched_stream, streams_of
from libs.streams.quarantine_erasure import QuarantineErasure
from libs.streams.quarantine_expiry import QuarantineRetention
from libs.streams.quarantined_batches import enriched_without
from libs.streams.watermark import WatermarkMeter
from services.aggregate.adoption.adopter import Adopter
from services.aggregate.adoption.postgres import PostgresDefinitions
from services.aggregate.behaviour.cohorts.postgres import PostgresCohorts
from services.aggregate.behaviour.cohorts.service import CohortQueries
from services.aggregate.behaviour.funnel.postgres import PostgresFunnels
from services.aggregate.behaviour.funnel.service import FunnelQueries
from services.aggregate.behaviour.paths.postgres import PostgresPaths
from services.aggregate.behaviour.paths.service import PathQueries
from services.aggregate.behaviour.people.service import PeopleBehind
from services.aggregate.behaviour.postgres import BehaviourConnections
from services.aggregate.behaviour.segments.postgres import PostgresSegments
from services.aggregate.behaviour.segments.service import SegmentQueries
from services.aggregate.behaviour.surroundings import Surroundings
from services.aggregate.consumer import counting_consumer
from services.aggregate.convert import SERVICE_NAME
from services.aggregate.counting.postgres import PostgresCountingStore
from services.aggregate.dirty.postgres import PostgresDirtyBuckets
from services.aggregate.dirty.service import Backfills
from services.aggregate.engines import open_engines
from services.aggregate.erasure.changed_buckets import ChangedBuckets, RecountOfChanged
from services.aggregate.erasure.data import AggregateSubjectData
from services.aggregate.erasure.fences import CountingFences
from services.aggregate.events.own.service import OwnEvents
from services.aggregate.events.service import EventLists
from services.aggregate.expiry.expiry import JOBS as RETENTION_JOBS
from services.aggregate.expiry.expiry import Expiry
from services.aggregate.expiry.postgres import ExpiredCells, ExpiredResults
from services.aggregate.exports.service import EventExports
from services.aggregate.gauges.postgres import PostgresStoredSigns
from services.aggregate.gauges.rebuild import GaugeRebuilds
from services.aggregate.gauges.redis import RedisPresence
from services.aggregate.gauges.service import GaugeQueries
from services.aggregate.jobs import aggregate_jobs
from services.aggregate.journal.convert import SERVICE_NAME as JOB_SERVICE_NAME
from services.aggregate.journal.service import JournalCalls
from services.aggregate.live.redis import RedisChangePublisher
from services.aggregate.live.service import RollupWatches
from services.aggregate.live.suppressed.service import SuppressedWatches
from services.aggregate.live.watch_hub import WatchHub
from services.aggregate.live.watchers import Watchers
from services.aggregate.named_metrics.service import MetricQueries
from services.aggregate.postgres import VerifyingConnections
from services.aggregate.read_slots import ReadSlots
from services.aggregate.recount.postgres import PostgresRecounts
from services.aggregate.recount.publishing import RecountedCells
from services.aggregate.recount.recounter import Recounter
from services.aggregate.recount.redis import Quarantine
from services.aggregate.recount.uncounted import UncountedBatches
from services.aggregate.recount.worker import RecountWorker
from services.aggregate.renaming.postgres import MemberRenamer
from services.aggregate.restrictions.reads import Restrictions
from services.aggregate.results.postgres import PostgresResultReader, PostgresResults
from services.aggregate.results.schedules import ResultJobs
from services.aggregate.results.service import ResultQueries
from services.aggregate.results.shown.postgres import ShownResults
from services.aggregate.results.verification.postgres import ResultChecks
from services.aggregate.results.verification.service import ResultVerifications
from services.aggregate.rollups.postgres import PostgresCellReader
from services.aggregate.rollups.service import RollupQueries
from services.aggregate.service import AggregateServicer, JobServicer
from services.aggregate.settings import AggregateSettings
from services.aggregate.stalls import StallLimit
from services.aggregate.subject_rows.postgres import SubjectRows
from services.aggregate.suppression.postgres import ShownCells
from services.aggregate.tables import metadata
from services.aggregate.verify.postgres import PostgresSnapshots
from services.aggregate.verify.redis import RedisStreams
from services.aggregate.verify.service import Verifications
from services.aggregate.verify.verifier import Verifier


async def build(
    settings: AggregateSettings, stack: AsyncExitStack, clock: Clock | None = None
) -> ServiceParts:
    """Wires aggregate up; what it opens is closed with `stack`. Without a `clock`, by the machine's own."""
    pseudonymizer = settings.pseudonymizer()
    reload = open_catalogs(settings)
    redis = create_redis(settings.redis_url.get_secret_value())
    stack.push_async_callback(redis.aclose)
    engines = open_engines(settings, stack)
    clock = clock or SystemClock()
    streams = streams_of(settings.shards, enriched_stream)
    store = PostgresCountingStore(
        PostgresConnector(settings.database_url.get_secret_value(), service="aggregate")
    )
    stack.callback(store.close)
    presence = RedisPresence(redis.commands, clock, settings.max_gauge_groups)
    reader = PostgresCellReader(engines.querying)
    shown = ShownCells(engines.querying)
    hub = WatchHub(
        redis,
        reload.catalogs,
        reader,
        Watchers(limit=settings.max_watchers, limit_per_app=settings.max_watchers_per_app),
        interval_seconds=settings.watch_interval_seconds,
        max_bytes=settings.max_watch_bytes,
    )
    meter = WatermarkMeter(redis, settings.shards, clock)
    verifying = VerifyingConnections(engines.verifying, settings.verify_statement_seconds)
    verifier = Verifier(
        PostgresSnapshots(verifying), RedisStreams(redis, settings.shards, meter), clock
    )
    events = SelectedEvents(engines.events, pseudonymizer, settings.event_statement_seconds)
    event_pages = ReadSlots(
        "max_event_pages", settings.max_event_pages, waiting=settings.max_waiting_event_pages
    )
    peers = Peers(settings, stack)
    restrictions = Restrictions(RemoteRestrictedPeople(peers), pseudonymizer)
    exports = EventExports(
        reload.catalogs,
        events,
        ReadSlots("max_exports", settings.max_exports, waiting=0),
        clock,
        StallLimit(
            settings.export_stall_seconds,
            "export_stall_seconds",
            "go on with the last resume_token",
        ),
        restrictions,
    )
    surroundings = Surroundings(
        reload.catalogs,
        clock,
        meter.current,
        ReadSlots(
            "max_behaviour_queries",
            settings.max_behaviour_queries,
            waiting=settings.max_waiting_behaviour_queries,
        ),
        settings.max_scanned_events,
    )
    behaviour = BehaviourConnections(engines.behaviour, settings.behaviour_statement_seconds)
    funnels, cohorts = PostgresFunnels(behaviour), PostgresCohorts(behaviour)
    gauges = GaugeQueries(
        reload.catalogs,
        presence,
        Watchers(limit=settings.max_watchers, limit_per_app=settings.max_watchers_per_app),
        ReadSlots(
            "max_gauge_queries",
            settings.max_gauge_queries,
            waiting=settings.max_waiting_gauge_queries,
        ),
        clock,
        meter.current,
        settings.gauge_interval_seconds,
    )
    stored_signs = PostgresStoredSigns(
        engines.querying, pseudonymizer, settings.event_statement_seconds
    )
    rebuilds = GaugeRebuilds(reload.catalogs, presence, presence, stored_signs, clock)
    recounts = PostgresRecounts(
        engines.recounting,
        clock,
        watermark=meter.current,
        quarantined=Quarantine(redis, settings.shards).batches,
        kept=timedelta(hours=settings.batch_ids_kept_hours / 2),
    )
    dirty = PostgresDirtyBuckets(engines.recounting)
    worker = RecountWorker(
        reload.catalogs,
        dirty,
        recounts,
        Recounter(
            recounts,
            store,
            pseudonymizer,
            RecountedCells(reader, RedisChangePublisher(redis.commands)),
        ),
        clock,
        Adopter(reload.catalogs, PostgresDefinitions(engines.recounting), dirty, clock).adopt,
        (*POSTGRES_ERRORS, *REDIS_DOWN),
    )
    uncounted = UncountedBatches(reload.catalogs, dirty, clock, worker.ask)
    consumer = counting_consumer(
        settings, pseudonymizer, reload, redis, store, presence, uncounted, streams, clock
    )
    verification_slots = ReadSlots("max_verifications", settings.max_verifications, waiting=0)
    verification_stall = StallLimit(
        settings.verify_stall_seconds, "verify_stall_seconds", "verify again, and read on"
    )
    reads = AuditedReads(redis, Auditor(pseudonymizer, clock))
    servicer = AggregateServicer(
        RollupQueries(
            reload.catalogs,
            reader,
            clock,
            meter.current,
            PostgresDirtyBuckets(engines.querying),
            shown,
        ),
        RollupWatches(reload.catalogs, hub, SuppressedWatches(reload.catalogs, hub, reader, shown)),
        CohortQueries(surroundings, cohorts, PostgresDirtyBuckets(engines.querying)),
        FunnelQueries(surroundings, funnels),
        PathQueries(surroundings, PostgresPaths(behaviour)),
        SegmentQueries(surroundings, PostgresSegments(behaviour)),
        Verifications(
            reload.catalogs,
            verifier,
            verification_slots,
            clock,
            verification_stall,
        ),
        EventLists(
            reload.catalogs,
            events,
            event_pages,
            clock,
            PeopleBehind(surroundings, funnels, cohorts),
            RemoteSubjectKeys(peers),
            restrictions,
        ),
        OwnEvents(reload.catalogs, events, pseudonymizer, event_pages, clock),
        exports,
        gauges,
        Backfills(reload.catalogs, dirty, clock, meter.current, worker.ask),
        MetricQueries(
            reload.catalogs,
            engines.metrics,
            dirty,
            ReadSlots("max_metrics", settings.max_metrics, waiting=settings.max_waiting_metrics),
            pseudonymizer,
            clock,
            meter.current,
            restrictions,
        ),
        reads,
    )
    requested = asyncio.Event()
    journal = JournalCalls(
        reload.catalogs,
        JournalView(engines.querying, clock),
        JournalView(engines.jobs, clock, requested),
        clock,
    )
    results = ResultQueries(
        reload.catalogs,
        PostgresResultReader(engines.querying),
        ShownResults(engines.querying),
        clock,
    )
    result_verifications = ResultVerifications(
        reload.catalogs,
        ResultChecks(verifying),
        verification_slots,
        clock,
        verification_stall,
    )
    lag = LagMeter(redis, AGGREGATE, streams, enriched_received_us, clock)
    expiry = Expiry(
        reload.catalogs, ExpiredCells(engines.jobs), ExpiredResults(engines.jobs), clock
    )
    quarantine = QuarantineRetention(redis, AGGREGATE, settings, clock)
    runs = RunRetention(engines.jobs, settings.job_runs_kept_days, clock)
    retention = Retention(
        partial(overdue_of, expiry.list_overdue, quarantine.list_overdue, runs.list_overdue),
        lambda: [*expiry.list_limits(), quarantine.limit(), runs.limit()],
        RequestedJobs(RETENTION_JOBS, JournalView(engines.jobs, clock, requested)),
    )
    own_jobs = aggregate_jobs(
        redis,
        engines.jobs,
        MemberRenamer(engines.jobs, reload.catalogs, pseudonymizer),
        expiry,
        settings,
    )
    of_catalogs = ResultJobs(
        reload.catalogs, PostgresResults(engines.storing), clock, meter.current
    )

    changed = ChangedBuckets(
        reload.catalogs, PostgresDirtyBuckets(engines.recounting), clock, worker.ask
    )
    about_people = AggregateSubjectData(
        reload.catalogs,
        engines.jobs,
        changed,
        redis,
        meter,
        clock,
        SubjectRows(engines.querying),
        CountingFences(engines.recounting),
        QuarantineErasure(redis, reload.catalogs, AGGREGATE, settings.shards, enriched_without),
    )

    def jobs() -> Sequence[Job]:
        return [*own_jobs, *of_catalogs.current()]

    return ServiceParts(
        bindings=[
            Binding(
                SERVICE_NAME,
                servicer,
                aggregate_service_pb2_grpc.add_AggregateServiceServicer_to_server,
                needs=all_of("postgres"),
            ),
            Binding(
                JOB_SERVICE_NAME,
                JobServicer(journal, results, result_verifications, reads),
                job_service_pb2_grpc.add_JobServiceServicer_to_server,
                needs=all_of("postgres"),
            ),
            retention_target(retention, needs=all_of("postgres", "redis")),
            subject_data(
                about_people,
                needs=all_of("postgres", "redis"),
                numbers=RecountOfChanged(engines.jobs, changed),
            ),
        ],
        catalogs=reload,
        tables=metadata,
        loops=[
            Loop("count", consumer.run),
            Loop("watch", hub.run),
            Loop("lag", lag.run),
            Loop("watermark", meter.run),
            Loop("kept gauges", partial(rebuilds.keep, transient=REDIS_DOWN)),
            Loop("gauges", partial(rebuilds.run, transient=(*REDIS_DOWN, *POSTGRES_ERRORS))),
            Loop("recount", worker.run),
            Loop("jobs", create_runner("aggregate", jobs, engines.jobs, clock, requested).run),
        ],
        drain=partial(_drain, hub, exports, gauges),
    )


def _drain(*capabilities: WatchHub | EventExports | GaugeQueries) -> None:
    for each in capabilities:
        each.drain()
