"""Dead letters and entries of quarantine go when they are past their limit."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs, compile_catalog
from libs.common.expiry import OverdueData
from libs.stores.postgres import create_engine
from libs.stores.redis_client import RedisClient
from libs.streams.names import ENRICH, INGEST, quarantine_stream
from libs.streams.quarantine_expiry import expire_quarantine
from services.ingest.dead_letters import postgres
from services.ingest.dead_letters.expiry import LetterExpiry
from services.ingest.dead_letters.postgres import PostgresExpiredLetters
from services.ingest.replay.expiry import ReplayExpiry
from services.ingest.replay.postgres import PostgresReplays
from services.ingest.settings import IngestSettings
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

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
REPLAY = """
INSERT INTO ingest.replays (app_id, request_id, selection, dry_run, events_per_second, max_rejected_share,
    requested_by, requested_at, finished_at)
VALUES (%s, %s, '{}', false, 1, 1, 'test', '2026-01-01', %s)
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


async def test_no_replay_that_has_ended_is_older_than_its_limit(
    engine: AsyncEngine, database_url: str
) -> None:
    # 90 days before the 21st is 23 August.
    first_kept = datetime(2026, 8, 23, tzinfo=UTC)
    ends: dict[str, list[timedelta | None]] = {
        "chess": [-2 * TICK, -TICK, 0 * TICK],
        "go": [-TICK],
        "shogi": [None, TICK],
    }
    with psycopg.connect(database_url) as connection:
        for app_id, moments in ends.items():
            for moment in moments:
                ended_at = None if moment is None else first_kept + moment
                connection.execute(REPLAY, [app_id, uuid4(), ended_at])
    replays = PostgresReplays(engine, PSEUDONYMS)
    expiry = ReplayExpiry(replays, IngestSettings().replays_kept_days, FixedClock(NOW))
    assert await expiry.list_overdue() == [
        OverdueData("ingest.replays", "chess", "", 90, 2, first_kept - 2 * TICK),
        OverdueData("ingest.replays", "go", "", 90, 1, first_kept - TICK),
    ]
    assert await expiry.expire() == {"deleted": 3}
    assert await expiry.list_overdue() == []
    assert await expiry.expire() == {"deleted": 0}
    with psycopg.connect(database_url) as connection:
        left = connection.execute("SELECT app_id, finished_at FROM ingest.replays").fetchall()
    assert set(left) == {
        ("chess", first_kept),
        # One that is under way stays, however old it is.
        ("shogi", None),
        ("shogi", first_kept + TICK),
    }


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
