"""Dead letters reach Postgres, each one once."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import psycopg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.common.v1 import event_pb2
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalogs
from libs.common.pseudonym import Pseudonymizer
from libs.common.subject_data import SubjectRef
from libs.stores.postgres import create_engine, failure_of
from libs.stores.redis_client import RedisClient
from libs.streams.consumer import EntryHandling, create_consumer
from libs.streams.groups import Entry
from libs.streams.names import enrich_dead_letters, ingest_dead_letters
from libs.streams.trimming import StreamTrimmer
from services.ingest.dead_letters.postgres import PostgresDeadLetterWriter
from services.ingest.erasure.fences import add_fence
from services.ingest.settings import IngestSettings
from tests.support.pseudonyms import PSEUDONYM_KEY, PSEUDONYMS
from tests.support.small_catalog import KEEPS_PLAY
from tests.support.streams import add_entry, entries_of
from tests.support.waiting import until

STREAMS = [ingest_dead_letters(0), enrich_dead_letters(0)]
DEADLINE_SECONDS = 30
STORED = "weir_ingest_dead_letters_stored_total"


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url("weir_ingest"), service="ingest")
    yield engine
    await engine.dispose()


def _letters(*names: str) -> dict[str, bytes]:
    batch = batch_pb2.DeadLetterBatch(
        dead_letters=[
            batch_pb2.DeadLetter(
                dead_letter_id=uuid.uuid5(uuid.NAMESPACE_OID, name).bytes,
                app_id="chess",
                stage="ingest",
                received_at_us=1_789_000_000_000_001,
                reason="FIELD_INVALID",
                field="event_id",
                message=f"{name}\x00",
                event=event_pb2.Event(event_id=f"{name}\x00", name="game.ended"),
            )
            for name in names
        ]
    )
    return {"batch": batch.SerializeToString()}


def _rows(database_url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "SELECT event_id, message, subject_id, received_at::text, stage, event"
            " FROM ingest.dead_letters ORDER BY event_id"
        ).fetchall()


async def _measure_nothing() -> None:
    pass


async def test_letters_are_stored_once_however_often_they_are_appended(
    client: RedisClient, engine: AsyncEngine, database_url: str
) -> None:
    before = REGISTRY.get_sample_value(STORED) or 0.0
    without_id = batch_pb2.DeadLetterBatch(dead_letters=[batch_pb2.DeadLetter(app_id="chess")])
    no_letters = ({"batch": b"\xff"}, {"other": b""}, {"batch": without_id.SerializeToString()})
    for letters in (_letters("a", "b"), *no_letters, _letters("b", "a")):
        await add_entry(client, STREAMS[0], letters)
    await add_entry(client, STREAMS[1], _letters("c"))
    stop = asyncio.Event()
    consumer = create_consumer(
        client,
        IngestSettings(),
        group="ingest",
        streams=STREAMS,
        handling=EntryHandling(
            PostgresDeadLetterWriter(engine, PSEUDONYMS, Catalogs.of()).write, failure_of
        ),
    )
    trimmer = StreamTrimmer(client, STREAMS, _measure_nothing)
    writer = asyncio.create_task(consumer.run(stop))
    try:
        await until(lambda: len(_rows(database_url)) == 3)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while any([await client.xlen(stream) for stream in STREAMS]):
                await trimmer.trim()
        quarantined = [fields for _, fields in await entries_of(client, "ingest:{0}:quarantine")]
        assert [fields[b"stream"] for fields in quarantined] == [STREAMS[0].encode()] * 3
        assert [fields.get(b"batch") for fields in quarantined] == [
            n.get("batch") for n in no_letters
        ]
        # Emptied Redis, lost group: it goes on.
        await client.flushall()
        await add_entry(client, STREAMS[0], _letters("a", "d"))
        await until(lambda: len(_rows(database_url)) == 4)
    finally:
        stop.set()
        await writer
    rows = _rows(database_url)
    assert [row[0] for row in rows] == ["a\ufffd", "b\ufffd", "c\ufffd", "d\ufffd"]
    assert (REGISTRY.get_sample_value(STORED) or 0.0) - before == len(rows)
    event = event_pb2.Event(event_id="a\x00", name="game.ended").SerializeToString()
    assert rows[0][1:] == ("a\ufffd", None, "2026-09-10 00:26:40.000001+00", "ingest", event)


@pytest.mark.parametrize("epoch", [1, 2])
async def test_behind_a_fence_only_letters_of_events_stay_that_a_law_keeps(
    engine: AsyncEngine, database_url: str, epoch: int
) -> None:
    # The fence is of the first epoch, which may be over.
    anna = SubjectRef("chess", "anna", tuple(PSEUDONYMS.all_epochs("chess", "anna")))
    # All that is below was received before.
    await add_fence(engine, anna, datetime(2026, 11, 22, tzinfo=UTC))
    batch = batch_pb2.DeadLetterBatch.FromString(_letters("kept", "gone", "other")["batch"])
    for letter, name in zip(
        batch.dead_letters, ("game.ended", "club.joined", "club.joined"), strict=True
    ):
        letter.event.name = name
        letter.event.subject_id = "anna"
    batch.dead_letters[2].event.subject_id = "ben"
    pseudonymizer = Pseudonymizer(PSEUDONYM_KEY.encode(), epoch)
    writer = PostgresDeadLetterWriter(engine, pseudonymizer, Catalogs.of(KEEPS_PLAY))
    await writer.write([Entry(STREAMS[0].encode(), b"1-0", {b"batch": batch.SerializeToString()})])
    assert [row[0] for row in _rows(database_url)] == ["kept\ufffd", "other\ufffd"]
