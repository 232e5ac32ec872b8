"""Dead letters and entries of quarantine go when they are past their limit."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs, compile_catalog
from libs.stores.postgres import create_engine
from libs.stores.redis_client import RedisClient
from libs.streams.names import ENRICH, INGEST, quarantine_stream
from libs.streams.quarantine_expiry import expire_quarantine
from services.ingest.dead_letters import postgres
from services.ingest.dead_letters.expiry import LetterExpiry
from services.ingest.dead_letters.postgres import PostgresExpiredLetters
from services.ingest.settings import IngestSettings
from tests.support.clocks import FixedClock

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
TICK = timedelta(microseconds=1)
# 30 days before the 21st is 22 October, and 7 days are the 14th.
MONTH, WEEK = datetime(2026, 10, 22, tzinfo=UTC), datetime(2026, 11, 14, tzinfo=UTC)
CHESS = compile_catalog(
    """
app_id: chess
title: Chess
categories:
  play: {producers: [api], retention: {raw: 1y, aggregate: 5y}}
  brief: {producers: [api], retention: {raw: 7d, aggregate: 5y}}
events:
  game.ended: {category: play}
  ping: {category: brief}
""",
    "chess.yaml",
)
INSERT = """
INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field, message, event_id,
    name, event)
VALUES (%s, %s, %s, 'ingest', 'FIELD_INVALID', '', '', %s, %s, '')
"""


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_ingest"), service="ingest")
    yield engine
    await engine.dispose()


async def test_no_dead_letter_is_older_than_its_limit(
    engine: AsyncEngine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "ROWS_AT_A_TIME", 2)
    letters = [
        *((f"old {n}", "game.ended", "chess", MONTH - n * TICK) for n in range(1, 6)),
        ("kept", "game.ended", "chess", MONTH),
        ("brief", "ping", "chess", WEEK - TICK),
        ("kept brief", "ping", "chess", WEEK),
        # An app that has no catalog any more, or an event that has none.
        ("gone", "anything", "gone", MONTH - TICK),
        ("unknown", "anything", "chess", MONTH),
    ]
    with psycopg.connect(database_url) as connection:
        for event_id, name, app, received in letters:
            connection.execute(INSERT, [uuid4(), received, app, event_id, name])
    expiry = LetterExpiry(Catalogs.of(CHESS), PostgresExpiredLetters(engine), 30, FixedClock(NOW))
    found = await expiry.list_overdue()
    assert [(each.app_id, each.kind, each.days, each.rows, each.oldest) for each in found] == [
        ("chess", "game.ended", 30, 5, MONTH - 5 * TICK),
        ("gone", "anything", 30, 1, MONTH - TICK),
        ("chess", "ping", 7, 1, WEEK - TICK),
    ]
    assert await expiry.expire() == {"deleted": 7}
    assert await expiry.list_overdue() == []
    with psycopg.connect(database_url) as connection:
        left = connection.execute("SELECT event_id FROM ingest.dead_letters").fetchall()
    assert {event_id for (event_id,) in left} == {"kept", "kept brief", "unknown"}
    assert await expiry.expire() == {"deleted": 0}


async def test_no_entry_of_quarantine_is_older_than_its_limit(client: RedisClient) -> None:
    stream, other = quarantine_stream(INGEST, 0), quarantine_stream(ENRICH, 0)
    first_kept = int(MONTH.timestamp()) * 1_000
    for name in (stream, other):
        for milliseconds in (first_kept - 2, first_kept - 1, first_kept):
            await client.xadd(name, {"batch": b""}, id=f"{milliseconds}-1")
    settings = IngestSettings(quarantine_kept_days=30)
    assert await expire_quarantine(client, INGEST, settings, NOW) == {"removed": 2}
    info: Any = await client.xinfo_stream(stream)
    assert (info["first-entry"][0], info["length"]) == (f"{first_kept}-1".encode(), 1)
    assert await client.xlen(other) == 3
