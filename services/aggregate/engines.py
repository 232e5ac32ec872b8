"""Aggregate's connections to Postgres: one pool for each kind of work."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, fields
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.stores.postgres import create_engine
from services.aggregate.settings import AggregateSettings

# Less than a unary call may take, and enough when all watchers read the current numbers again at once.
_QUERY_POOL_SECONDS = 20.0
# How long a job may wait for those before it.
_RESULT_POOL_SECONDS = 3_600.0


@dataclass(frozen=True)
class Engines:
    """Pools of their own, so that one kind of work never waits for another's connections. Counting has none:
    its connections are beside any pool."""

    querying: AsyncEngine
    verifying: AsyncEngine
    events: AsyncEngine
    behaviour: AsyncEngine
    metrics: AsyncEngine
    jobs: AsyncEngine
    storing: AsyncEngine
    recounting: AsyncEngine


def open_engines(settings: AggregateSettings, stack: AsyncExitStack) -> Engines:
    """The pools, which connect when they are first used, and are disposed of with `stack`."""
    database_url = settings.database_url.get_secret_value()
    # A query that gets no connection is refused before the call's own limit ends it.
    answering = partial(
        create_engine, max_overflow=2, pool_seconds=_QUERY_POOL_SECONDS, read_only=True
    )
    engines = Engines(
        answering(database_url, service="aggregate-queries"),
        create_engine(
            settings.read_url,
            service="aggregate-verify",
            pool_size=settings.max_verifications,
            max_overflow=0,
            read_only=True,
        ),
        # As many as there are slots: a call that holds one gets a connection at once.
        answering(
            settings.read_url,
            service="aggregate-events",
            pool_size=1,
            max_overflow=settings.max_event_pages + settings.max_exports - 1,
        ),
        # Of a replica, if there is one: for what may be some seconds old (ADR 18).
        answering(
            settings.read_url,
            service="aggregate-behaviour",
            pool_size=1,
            max_overflow=settings.max_behaviour_queries - 1,
        ),
        answering(
            settings.read_url,
            service="aggregate-metrics",
            pool_size=1,
            max_overflow=settings.max_metrics - 1,
        ),
        create_engine(database_url, service="aggregate-jobs", pool_size=1, max_overflow=2),
        # Many results may be due at the same time: they are written one after the other.
        create_engine(
            database_url,
            service="aggregate-results",
            pool_size=1,
            max_overflow=0,
            pool_seconds=_RESULT_POOL_SECONDS,
        ),
        # The turn, the snapshot, the lock, and marks meanwhile.
        create_engine(database_url, service="aggregate-recount", pool_size=1, max_overflow=4),
    )
    for field in fields(engines):
        stack.push_async_callback(getattr(engines, field.name).dispose)
    return engines
