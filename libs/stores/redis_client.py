"""Redis: one asyncio client of redis-py a process, for everything, bytes in and out.

What runs for every chunk goes through its `commands` instead, which cost less, and so do ingest's appends,
with commands of their own; consent is read through `redis_connection.py`.
"""

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from libs.stores.redis_commands import RedisCommands

# What is raised while Redis is away, or cannot do what it is asked for: it is loading, full, read-only, or
# cannot write to its disk. The last, and whatever fails inside of a script, has no class of its own, so all
# error replies belong here. What redis-py itself refuses to send (DataError) does not: waiting never helps.
REDIS_DOWN = (RedisConnectionError, RedisTimeoutError, ResponseError, InvalidResponse, OSError)


class RedisClient(Redis):
    """redis-py's client, for everything, with `commands` for what runs often; both are closed together."""

    commands: RedisCommands

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """See redis-py."""
        await self.commands.aclose()
        await super().aclose(close_connection_pool)


def create_redis(redis_url: str) -> RedisClient:
    """A client for `redis://...` or `unix://...`; connects when first used, and again after it broke.

    Commands are retried on a broken connection, so everything sent through it must be safe to repeat. Of
    `commands` only scripts are repeated.
    """
    # A Unix socket's connection does not know the option.
    keepalive = {} if redis_url.startswith("unix:") else {"socket_keepalive": True}
    client = RedisClient.from_url(
        redis_url,
        socket_connect_timeout=5,
        **keepalive,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=3),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
        health_check_interval=0,
    )
    assert isinstance(client, RedisClient)
    client.commands = RedisCommands(redis_url)
    return client
