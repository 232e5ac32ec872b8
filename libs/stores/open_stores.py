"""The stores of a service, as its health asks for them."""

from contextlib import AsyncExitStack

from sqlalchemy import text

from libs.runtime.settings import CommonSettings
from libs.stores.postgres import create_engine
from libs.stores.redis_client import create_redis
from libs.stores.watch import Store


def open_stores(settings: CommonSettings, stack: AsyncExitStack) -> list[Store]:
    """`redis` and `postgres`, each over one connection of its own, closed with `stack`: the pools of the
    service may be used up just when it matters whether the store answers."""
    redis = create_redis(settings.redis_url.get_secret_value())
    stack.push_async_callback(redis.aclose)
    engine = create_engine(
        settings.database_url.get_secret_value(), service="health", pool_size=1, max_overflow=0
    )
    stack.push_async_callback(engine.dispose)

    async def ask_postgres() -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    return [Store("redis", redis.ping), Store("postgres", ask_postgres)]
