"""What integration tests of several services share."""

from collections.abc import AsyncIterator

import pytest

from libs.stores.redis_client import RedisClient, create_redis
from libs.streams import consumer


@pytest.fixture(autouse=True)
def readers_that_stop_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of streams notices a stop after a read that found nothing: hundreds of tests stop one."""
    monkeypatch.setattr(consumer, "_READ_SECONDS", 0.05)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[RedisClient]:
    """An asyncio client on an empty Redis."""
    connection = create_redis(redis_url)
    yield connection
    await connection.aclose()
