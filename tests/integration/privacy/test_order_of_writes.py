"""The order of writes, seen while a lock in Postgres holds the commit back."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
import psycopg
import pytest
from redis import Redis

from tests.integration.privacy.conftest import Privacy
from tests.support.rejections import reason_of
from tests.support.waiting import until


@contextmanager
def commits_held(database_url: str) -> Iterator[psycopg.Connection]:
    """Within, consents can be read but not written."""
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE privacy.consents IN EXCLUSIVE MODE")
        yield connection
        connection.rollback()


async def test_a_withdrawal_is_in_force_before_it_is_committed(
    privacy: Privacy, database_url: str
) -> None:
    await privacy.record("ann", telemetry=True)
    with commits_held(database_url):
        call = asyncio.create_task(privacy.record("ann", telemetry=False))
        await until(lambda: privacy.mirrored("ann") == "~telemetry")
        assert await privacy.check("ann") == "anonymize"
        await asyncio.sleep(0.2)
        assert not call.done()
        with psycopg.connect(database_url) as other:
            assert other.execute("SELECT granted FROM privacy.consents").fetchall() == [(True,)]
    assert await privacy.check("ann", await call) == "anonymize"


async def test_a_grant_is_committed_before_it_is_in_force(
    privacy: Privacy, database_url: str
) -> None:
    await privacy.record("ann", telemetry=False)
    with commits_held(database_url):
        call = asyncio.create_task(privacy.record("ann", telemetry=True))
        await asyncio.sleep(0.3)
        assert not call.done()
        assert privacy.mirrored("ann") == "-telemetry"
        assert await privacy.check("ann") == "anonymize"
    await call
    assert await privacy.check("ann") == "allow"


async def test_a_withdrawal_whose_commit_fails_stays_strict_until_the_truth_is_read_again(
    privacy: Privacy, database_url: str, role_url: Callable[[str], str]
) -> None:
    await privacy.record("ann", telemetry=True)
    with commits_held(database_url):
        call = asyncio.create_task(privacy.record("ann", telemetry=False))
        await until(lambda: privacy.mirrored("ann") == "~telemetry")
        with psycopg.connect(role_url("weir_privacy"), autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'weir-privacy'"
            )
        with pytest.raises(grpc.RpcError) as caught:
            await call
        assert reason_of(caught.value)[:2] == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    await until(lambda: privacy.mirrored("ann") == "+telemetry")
    assert await privacy.check("ann") == "allow"


async def test_a_redis_emptied_during_a_withdrawal_does_not_bring_the_grant_back(
    privacy: Privacy, database_url: str
) -> None:
    """The denial is in the mirror only, and the mirror is lost: a fill that read Postgres now
    would open it, and the commit that follows would not close it again."""
    await privacy.record("ann", telemetry=True)
    with commits_held(database_url):
        call = asyncio.create_task(privacy.record("ann", telemetry=False))
        await until(lambda: privacy.mirrored("ann") == "~telemetry")
        with Redis.from_url(privacy.redis_url) as redis:
            redis.flushall()
        await asyncio.sleep(0.7)  # several polls
        assert not privacy.is_whole()
    await call
    await privacy.until_whole()
    assert privacy.mirrored("ann") == "~telemetry"
    assert await privacy.check("ann") == "anonymize"
