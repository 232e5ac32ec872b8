"""Attempts at abandoned batches: what a killed process must not forget, and what none must remember."""

import pytest
from redis.asyncio import Redis

from libs.common.streams import Entry
from services.enrich.attempts import Attempts

ENTRY = Entry(b"ingest:{0}:raw", b"1-1", {})
NEIGHBOUR = Entry(b"ingest:{0}:raw", b"1-2", {})


@pytest.fixture
def attempts(client: Redis) -> Attempts:
    return Attempts(client)


async def test_an_attempt_that_came_to_no_end_is_known_to_the_next_process(
    attempts: Attempts, client: Redis
) -> None:
    assert await attempts.begin(ENTRY, 0) == 1
    # Nobody says `end`: the process was killed. Another one takes over.
    assert await Attempts(client).begin(ENTRY, 0) == 2
    assert await attempts.begin(NEIGHBOUR, 0) == 1


async def test_an_attempt_that_was_survived_is_forgotten(attempts: Attempts) -> None:
    await attempts.begin(ENTRY, 0)
    await attempts.begin(ENTRY, 0)
    await attempts.end(ENTRY, 0)
    assert await attempts.begin(ENTRY, 0) == 1
