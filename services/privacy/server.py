"""Privacy's composition root: settings in, a ready service out."""

from contextlib import AsyncExitStack

from weir.privacy.v1 import privacy_service_pb2_grpc

from libs.common.clock import Clock, SystemClock
from libs.consent import ConsentReader
from libs.rpc.process import ServiceParts
from libs.rpc.readiness import Startup
from libs.rpc.server import Binding
from libs.runtime.catalog_reload import open_catalogs
from libs.runtime.loops import Loop
from libs.stores.postgres import create_engine
from libs.stores.redis_connection import RedisConnection
from libs.stores.watch import any_of
from services.privacy import metrics
from services.privacy.consent.checking import Checker
from services.privacy.consent.mirror_loop import MirrorLoop
from services.privacy.consent.mirror_sync import MirrorSync
from services.privacy.consent.postgres import PostgresConsentStore
from services.privacy.consent.recording import Recorder
from services.privacy.consent.redis import RedisConsentMirror
from services.privacy.consent.resync_queue import ResyncQueue
from services.privacy.consent.service import SERVICE_NAME, PrivacyServicer
from services.privacy.settings import PrivacySettings
from services.privacy.tables import metadata


async def build(
    settings: PrivacySettings, stack: AsyncExitStack, clock: Clock | None = None
) -> ServiceParts:
    """Wires privacy up; what it opens is closed with `stack`. Without a `clock`, by the machine's own."""
    reload = open_catalogs(settings)
    redis_url = settings.redis_url.get_secret_value()
    redis_timeout = settings.consent_redis_timeout_seconds
    reader = ConsentReader(redis_url, settings.shards, timeout_seconds=redis_timeout)
    stack.push_async_callback(reader.aclose)
    await reader.start()
    # Apart from the reader's: a fill's large writes must not make checks wait.
    connection = RedisConnection(redis_url, timeout_seconds=redis_timeout)
    stack.push_async_callback(connection.aclose)
    await connection.start()
    engine = create_engine(settings.database_url.get_secret_value(), service="privacy")
    stack.push_async_callback(engine.dispose)

    clock = clock or SystemClock()
    store = PostgresConsentStore(engine, settings.consent_database_timeout_seconds)
    mirror = RedisConsentMirror(connection, settings.shards)
    resyncs = ResyncQueue()
    # While Redis is away no mirror can be filled, and Postgres answers.
    startup = Startup(ignored_while_away="redis")
    sync = MirrorSync(
        reload.catalogs,
        store,
        mirror,
        resyncs,
        settings.consent_page_size,
        on_readable=startup.finish,
    )
    checker = Checker(reload.catalogs, reader, store, clock)
    recorder = Recorder(store, mirror, resyncs, clock)
    servicer = PrivacyServicer(reload.catalogs, checker, recorder, store, clock)
    metrics.RESYNCS_PENDING.set_function(resyncs.__len__)
    return ServiceParts(
        bindings=[
            Binding(
                SERVICE_NAME,
                servicer,
                privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
                needs=any_of("redis", "postgres"),
                startup=startup,
            )
        ],
        catalogs=reload,
        tables=metadata,
        loops=[Loop("consent mirror", MirrorLoop(sync, settings.consent_poll_seconds).run)],
    )
