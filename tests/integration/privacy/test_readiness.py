"""Privacy is SERVING once the mirror of consent can be read, and answers from Postgres before."""

from collections.abc import Iterator

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from redis import Redis

from services.privacy.consent.service import SERVICE_NAME
from tests.integration.privacy.conftest import APP, Privacy
from tests.support.waiting import until


@pytest.fixture
def writer(database_url: str) -> Iterator[psycopg.Connection]:
    """A transaction that has recorded a consent and not ended, as another replica could have it: a fill
    waits for it, by the lock that all writers of an app share."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 1))", [APP])
        yield connection


async def test_privacy_serves_once_its_mirror_can_be_read(
    writer: psycopg.Connection, starting: Privacy
) -> None:
    async with grpc.aio.insecure_channel(starting.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        async def is_serving(name: str) -> bool:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=20)
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        assert not starting.is_whole()
        assert await is_serving("")
        assert not await is_serving(SERVICE_NAME)
        # It answers all the same.
        assert await starting.check("ann") == "allow"
        writer.rollback()
        await until(lambda: is_serving(SERVICE_NAME))
        assert starting.is_whole()
        # What is lost later does not take it from its clients: Postgres answers.
        writer.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 1))", [APP])
        with Redis.from_url(starting.redis_url) as redis:
            redis.flushall()
        assert await starting.check("ann") == "allow"
        assert await is_serving(SERVICE_NAME)
        writer.rollback()
