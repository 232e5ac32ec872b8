"""What integration tests of several services share."""

from collections.abc import AsyncIterator

import pytest

from libs.stores.redis_client import RedisClient, create_redis


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    """An asyncio client on an empty Redis."""
    connection = create_redis(redis_url)
    yield connection
    await connection.aclose()
