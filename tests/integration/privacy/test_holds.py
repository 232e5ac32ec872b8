"""A hold and the transactions in which an erasure begins and ends exclude each other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.audit import Action, Auditor, Caller
from libs.stores.postgres import create_engine
from services.privacy.requests.model import Hold
from services.privacy.requests.postgres import PostgresRequests, hold_of
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
APP, PERSON = "arena", PSEUDONYMS.pseudonym("arena", "ann")
HOLD = Hold("A court asks", "read token")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, service="test")
    yield engine
    await engine.dispose()


async def _place(engine: AsyncEngine) -> None:
    auditor = Auditor(PSEUDONYMS, FixedClock(NOON))
    entry = auditor.entry(Action.SUBJECT_HELD, APP, Caller("read token"), subject_id="ann")
    await PostgresRequests(engine).place_hold(APP, PERSON, HOLD, NOON, entry)


async def _waits(task: asyncio.Task[object]) -> bool:
    return not (await asyncio.wait([task], timeout=0.3))[0]


async def test_it_is_placed_when_the_erasure_that_saw_none_has_ended(engine: AsyncEngine) -> None:
    async with engine.begin() as ending:
        assert await hold_of(ending, APP, ["another", PERSON]) is None
        placing = asyncio.create_task(_place(engine))
        assert await _waits(placing)
    await placing
    assert await PostgresRequests(engine).hold(APP, [PERSON]) == HOLD


async def test_an_erasure_waits_for_one_that_is_being_placed(
    engine: AsyncEngine, database_url: str
) -> None:
    with psycopg.connect(database_url) as other:
        # Before its row is there, and behind its lock.
        other.execute("LOCK TABLE privacy.audit_entries IN ACCESS EXCLUSIVE MODE")
        placing = asyncio.create_task(_place(engine))
        assert await _waits(placing)
        asking = asyncio.create_task(PostgresRequests(engine).hold(APP, [PERSON]))
        assert await _waits(asking)
        other.rollback()
        assert await asking == HOLD
        await placing
