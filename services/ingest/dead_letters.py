"""Dead letters on their way from the streams to Postgres, where they can be listed and replayed."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import structlog
from google.protobuf.message import DecodeError
from redis.exceptions import RedisError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.pipeline.v1 import batch_pb2

from libs.common.runtime import pause
from libs.common.streams import ConsumerGroup, Entry
from services.ingest import metrics
from services.ingest.tables import dead_letters

log = structlog.get_logger()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DeadLetterWriter:
    """Moves dead letters of ingest and enrich into `ingest.dead_letters`; repeating changes nothing."""

    def __init__(self, group: ConsumerGroup, engine: AsyncEngine) -> None:
        self._group = group
        self._engine = engine

    async def run(self, stop: asyncio.Event) -> None:
        """Writes until told to stop; where a store is down it waits and goes on."""
        while not stop.is_set():
            try:
                # Creates the group as well where it is missing.
                entries = await self._group.claim_abandoned() + await self._group.read(0.5)
                if entries:
                    await self._write(entries)
                    await self._group.acknowledge(entries)
            except (RedisError, SQLAlchemyError, OSError) as error:
                log.warning("dead letters wait", error=type(error).__name__)
                await pause(stop, 1.0)

    async def _write(self, entries: list[Entry]) -> None:
        rows = [row for entry in entries for row in _rows(entry)]
        if rows:
            async with self._engine.begin() as connection:
                await connection.execute(insert(dead_letters).on_conflict_do_nothing(), rows)
            metrics.DEAD_LETTERS.inc(len(rows))


def _rows(entry: Entry) -> list[dict[str, object]]:
    """The entry's dead letters as rows; none where it holds no such thing, which must not hold up others."""
    try:
        batch = batch_pb2.DeadLetterBatch.FromString(entry.fields[b"batch"])
        return [_row(letter) for letter in batch.dead_letters]
    except (KeyError, DecodeError, ValueError, OverflowError):
        log.error("not a dead letter", stream=entry.stream.decode(), entry=entry.entry_id.decode())
        return []


def _row(letter: batch_pb2.DeadLetter) -> dict[str, object]:
    event = letter.event
    return {
        "dead_letter_id": uuid.UUID(bytes=letter.dead_letter_id),
        "received_at": EPOCH + timedelta(microseconds=letter.received_at_us),
        "app_id": _text(letter.app_id),
        "stage": _text(letter.stage),
        "reason": _text(letter.reason),
        "field": _text(letter.field),
        "message": _text(letter.message),
        "event_id": _text(event.event_id),
        "name": _text(event.name),
        "subject_id": _text(event.subject_id) or None,
        "event": event.SerializeToString(),
    }


def _text(text: str) -> str:
    """With U+FFFD for U+0000, which Postgres cannot hold in a text."""
    return text.replace("\x00", "\ufffd")
