"""The ingest service in this process, on real stores."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from pydantic import SecretStr
from redis import Redis
from weir.common.v1.event_pb2 import Event
from weir.ingest.v1 import (
    dead_letter_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
)
from weir.privacy.v1 import subject_data_service_pb2_grpc
from weir.streams.v1 import batch_pb2

from libs.consent import READY_FIELD, consent_key, ready_marker
from libs.rpc.server import GrpcServer
from libs.runtime.catalog_reload import CatalogReload
from libs.streams.compression import decompress
from libs.streams.names import raw_stream
from services.ingest.replay import runner
from services.ingest.server import build
from services.ingest.settings import IngestSettings
from tests.support.consents import consent_text
from tests.support.one_service_home import one_service_home
from tests.support.pseudonyms import PSEUDONYM_KEY
from tests.support.restricted_people import RestrictingPrivacy, restricting_privacy
from tests.support.waiting import until

# As `one_service_home` says it to commands.
TOKEN = "t"
METADATA = (("authorization", f"Bearer {TOKEN}"),)
APP = "arcade"
# A rejected `game.played` of a person keeps its properties; of a `chat.sent` nothing is kept.
CATALOG = """
app_id: arcade
title: Arcade
subject: {name: player_id}
purposes:
  telemetry: {default: granted, when_denied: drop}
categories:
  play: {purpose: telemetry, producers: [server], retention: {raw: 90d, aggregate: 1y}}
  talk: {producers: [server], retention: {raw: 90d, aggregate: 1y}, counts_only: true}
events:
  game.played: {category: play, properties: {score: {type: integer}}}
  chat.sent: {category: talk, properties: {characters: {type: integer}}}
clock: {max_age: 30d}
"""


@dataclass
class Ingest:
    """A running service as its callers see it, and what is in its stores."""

    events: Any
    letters: Any
    people: Any
    address: str
    database_url: str
    catalog: Path
    redis: Redis
    reload: CatalogReload
    privacy: RestrictingPrivacy

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def taken(self) -> list[Event]:
        """The events in the raw stream that were not taken before."""
        found = []
        entries: Any = self.redis.xrange(raw_stream(0))
        for _, fields in entries:
            batch = batch_pb2.EventBatch.FromString(decompress(fields[b"batch"]))
            skipped = set(filter(None, fields[b"skip"].split(b",")))
            found += [
                event
                for position, event in enumerate(batch.events)
                if str(position).encode() not in skipped
            ]
        return found

    async def load(self, catalog: str) -> None:
        """Has the service load another catalog."""
        before = self.reload.catalogs.current
        self.catalog.write_text(catalog)
        self.reload.request()
        await until(lambda: self.reload.catalogs.current is not before)

    def record(self, subject_id: str, version: int, **granted: bool) -> None:
        """Writes a person's consent where ingest reads it."""
        state = consent_text(version, **granted)
        self.redis.hset(consent_key(APP, 0), subject_id, state)


def played(event_id: str, properties: str, name: str = "game.played", **fields: Any) -> Event:
    event = Event(event_id=event_id, name=name, properties_json=properties.encode(), **fields)
    event.occurred_at.FromSeconds(int(time.time()))
    return event


async def reject(ingest: Ingest, *events: Event) -> None:
    """Sends events that are all rejected, one call each; returns when their letters are stored."""
    for number, event in enumerate(events, 1):
        answer = await ingest.events.TrackBatch(
            ingest_service_pb2.TrackBatchRequest(app_id=APP, events=[event]),
            metadata=METADATA,
            timeout=20,
        )
        assert answer.counts.rejected == 1
        await until(partial(_has_letters, ingest, number))


def store_letters(ingest: Ingest, *events: Event) -> None:
    """Letters of enrich, each with the whole of one event."""
    for event in events:
        ingest.sql(
            """
            INSERT INTO ingest.dead_letters (dead_letter_id, received_at, app_id, stage, reason, field,
                message, event_id, name, subject_id, event, content)
            VALUES (gen_random_uuid(), now() - interval '1 minute', 'arcade', 'enrich', 'PROCESSING_FAILED',
                '', '', %s, %s, nullif(%s, ''), %s, 'whole') RETURNING 1
            """,
            *(event.event_id, event.name, event.subject_id, event.SerializeToString()),
        )


def _has_letters(ingest: Ingest, number: int) -> bool:
    return ingest.sql("SELECT count(*) FROM ingest.dead_letters") == [(number,)]


@pytest.fixture(autouse=True)
def replays_begin_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service looks ten times a second for replays of dead letters, and not once."""
    monkeypatch.setattr(runner, "_POLL_SECONDS", 0.1)


@pytest.fixture
def pseudonym_epoch() -> int:
    """The service's; a test may have another."""
    return 1


@pytest.fixture
async def ingest(
    database_url: str,
    role_url: Callable[[str], str],
    redis_url: str,
    tmp_path: Path,
    pseudonym_epoch: int,
) -> AsyncIterator[Ingest]:
    """A service with the app `arcade` on empty stores; its jobs do not run."""
    folder = tmp_path / "catalogs"
    folder.mkdir()
    catalog = folder / f"{APP}.yaml"
    catalog.write_text(CATALOG)
    settings = IngestSettings(
        environment="development",
        port=0,
        database_url=role_url("weir_ingest"),
        redis_url=redis_url,
        catalogs=folder,
        pseudonym_key=SecretStr(PSEUDONYM_KEY),
        pseudonym_epoch=pseudonym_epoch,
        auth_token=SecretStr(TOKEN),
        catalog_poll_seconds=0.05,
        catalog_wait_seconds=0,
    )
    async with AsyncExitStack() as stack:
        privacy = await stack.enter_async_context(restricting_privacy())
        settings = settings.model_copy(update={"privacy_address": privacy.address})
        stop = asyncio.Event()
        parts = await build(settings, stack)
        runs = [*(loop.run for loop in parts.loops if loop.name != "jobs"), parts.catalogs.run]
        server = GrpcServer(settings, parts.bindings)
        loops = [asyncio.create_task(run(stop)) for run in runs]
        await server.start()

        async def stop_all() -> None:
            stop.set()
            parts.drain()
            await server.stop(0)
            await asyncio.gather(*loops)

        stack.push_async_callback(stop_all)
        address = f"127.0.0.1:{server.port}"
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(address))
        with Redis.from_url(redis_url) as redis:
            run_id = redis.info("server")["run_id"].encode()
            redis.hset(consent_key(APP, 0), READY_FIELD, ready_marker(run_id, 1))
            yield Ingest(
                ingest_service_pb2_grpc.IngestServiceStub(channel),
                dead_letter_service_pb2_grpc.DeadLetterServiceStub(channel),
                subject_data_service_pb2_grpc.SubjectDataServiceStub(channel),
                address,
                database_url,
                catalog,
                redis,
                parts.catalogs,
                privacy,
            )


@pytest.fixture
def home(ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """WEIR_HOME of a suite that has only the service under test."""
    with one_service_home(tmp_path / "home", monkeypatch, ingest=ingest.address) as home:
        yield home
