"""Dead letters and entries of quarantine go when they are past their limit."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1 import event_pb2
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalogs, compile_catalog
from libs.common.expiry import OverdueData
from libs.stores.postgres import create_engine
from libs.stores.redis_client import RedisClient
from libs.streams.groups import Entry
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
privacy_levels: {sensitive: 7d, pii: 1y}
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
        ("chess", "ping", 7, 1, WEEK - TICK),
        ("gone", "anything", 30, 1, MONTH - TICK),
    ]
    assert await expiry.expire() == {"deleted": 7}
    assert await expiry.list_overdue() == []
    with psycopg.connect(database_url) as connection:
        left = connection.execute("SELECT event_id FROM ingest.dead_letters").fetchall()
    assert {event_id for (event_id,) in left} == {"kept", "kept brief", "unknown"}
    assert await expiry.expire() == {"deleted": 0}


async def test_a_letter_goes_when_its_event_by_itself_would(
    engine: AsyncEngine, database_url: str
) -> None:
    """By the days that its sender asks for, or by its privacy level: whichever of all limits is shortest."""
    # One day before the 21st is the 20th. Of its own, 10 days are kept as 7, and 40 as 30.
    day = datetime(2026, 11, 20, tzinfo=UTC)
    sensitive, unknown = event_pb2.PRIVACY_LEVEL_SENSITIVE, (77, -77)
    letters: list[tuple[str, datetime, str, dict[str, Any]]] = [
        ("one day", day - TICK, "game.ended", {"retention_days": 1}),
        ("one day, and brief", day - TICK, "ping", {"retention_days": 1}),
        ("kept one day", day, "game.ended", {"retention_days": 1}),
        ("sensitive", WEEK - TICK, "game.ended", {"privacy_level": sensitive}),
        ("ten days", WEEK - TICK, "no.such", {"retention_days": 10}),
        ("kept sensitive", WEEK, "game.ended", {"privacy_level": sensitive}),
        ("kept forty days", MONTH, "game.ended", {"retention_days": 40}),
        *(("kept unknown", MONTH, "game.ended", {"privacy_level": each}) for each in unknown),
        ("forty, but brief", WEEK - TICK, "ping", {"retention_days": 40}),
    ]
    batch = batch_pb2.DeadLetterBatch()
    for event_id, received, name, fields in letters:
        batch.dead_letters.add(
            dead_letter_id=uuid4().bytes,
            app_id="chess",
            stage="ingest",
            received_at_us=int(received.timestamp()) * 1_000_000 + received.microsecond,
            event=event_pb2.Event(event_id=event_id, name=name, **fields),
        )
    catalogs = Catalogs.of(CHESS)
    writer = postgres.PostgresDeadLetterWriter(engine, PSEUDONYMS, catalogs)
    await writer.write([Entry(b"", b"", {b"batch": batch.SerializeToString()})])
    expiry = LetterExpiry(catalogs, PostgresExpiredLetters(engine), 30, FixedClock(NOW))
    assert [(each.kind, each.days, each.rows) for each in await expiry.list_overdue()] == [
        ("game.ended", 1, 1),
        ("game.ended", 7, 1),
        ("no.such", 7, 1),
        ("ping", 1, 1),
        ("ping", 7, 1),
    ]
    assert [(each.app_id, each.kind, each.days) for each in expiry.list_limits()] == [
        ("", "", 30),
        ("chess", "ping", 7),
        ("chess", "privacy_level=sensitive", 7),
    ]
    assert await expiry.expire() == {"deleted": 5}
    assert await expiry.list_overdue() == []
    with psycopg.connect(database_url) as connection:
        left = connection.execute("SELECT event_id FROM ingest.dead_letters").fetchall()
    assert {event_id for (event_id,) in left} == {
        "kept one day",
        "kept sensitive",
        "kept forty days",
        "kept unknown",
    }


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
