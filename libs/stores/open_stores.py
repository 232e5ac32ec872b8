"""The stores of a service, as its health asks for them."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog
from sqlalchemy import MetaData, false, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.runtime.settings import CommonSettings
from libs.stores.postgres import create_engine
from libs.stores.redis_client import create_redis
from libs.stores.watch import Store

log = structlog.get_logger()


def open_stores(settings: CommonSettings, tables: MetaData, stack: AsyncExitStack) -> list[Store]:
    """`redis` and `postgres`, each over one connection of its own, closed with `stack`: the pools of the
    service may be used up just when it matters whether the store answers.

    Postgres answers from the time on that it has the service's `tables`.
    """
    redis = create_redis(settings.redis_url.get_secret_value())
    stack.push_async_callback(redis.aclose)
    engine = create_engine(
        settings.database_url.get_secret_value(), service="health", pool_size=1, max_overflow=0
    )
    stack.push_async_callback(engine.dispose)
    return [Store("redis", redis.ping), Store("postgres", _question(engine, tables))]


def _question(engine: AsyncEngine, tables: MetaData) -> Callable[[], Awaitable[None]]:
    missing = list(tables.sorted_tables)
    logged = False

    async def ask() -> None:
        nonlocal logged
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            while missing:
                try:
                    # Each column by name, and the right to read it; no row, and no partition is touched.
                    await connection.execute(select(missing[-1]).where(false()))
                except ProgrammingError:
                    if not logged:
                        log.warning("the database is not migrated", table=missing[-1].fullname)
                    logged = True
                    raise
                missing.pop()

    return ask
