"""What counts the batches that enrich hands on, put together."""

from collections.abc import Sequence

from libs.common.clock import Clock
from libs.common.pseudonym import Pseudonymizer
from libs.runtime.catalog_reload import CatalogReload
from libs.stores.postgres import failure_of
from libs.stores.redis_client import RedisClient
from libs.streams.consumer import Consumer, EntryHandling, create_consumer
from libs.streams.names import AGGREGATE
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.catalog_counter import CatalogCounter
from services.aggregate.counting.entries import EnrichedStreamReader
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.counting.postgres import PostgresCountingStore
from services.aggregate.gauges.redis import RedisPresence
from services.aggregate.live.redis import RedisChangePublisher
from services.aggregate.recount.uncounted import UncountedBatches
from services.aggregate.settings import AggregateSettings


def counting_consumer(
    settings: AggregateSettings,
    pseudonymizer: Pseudonymizer,
    reload: CatalogReload,
    redis: RedisClient,
    store: PostgresCountingStore,
    presence: RedisPresence,
    uncounted: UncountedBatches,
    streams: Sequence[str],
    clock: Clock,
) -> Consumer:
    """The consumer of these streams in the group of aggregate."""
    counter = BatchCounter(
        store,
        KnownMembers(settings.known_members),
        CellIdentity(settings.known_cells),
        pseudonymizer,
        clock,
    )
    entries = EnrichedStreamReader(
        CatalogCounter(counter, reload.catalogs, reload.refresh),
        RedisChangePublisher(redis.commands),
        presence,
        uncounted,
        clock,
        settings.catalog_wait_seconds,
    )
    return create_consumer(
        redis,
        settings,
        group=AGGREGATE,
        streams=streams,
        handling=EntryHandling(entries.count, failure_of, entries.quarantine),
    )
