"""Which rows pruning deletes, on a real Postgres and Redis: exactly those that nothing can deliver again."""

import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from unittest.mock import Mock

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.streams.v1 import batch_pb2

from libs.catalog import Catalogs
from libs.common.clock import SystemClock
from libs.jobs.job import Job, JobContext, JobError
from libs.stores.postgres import create_engine
from libs.stores.redis_client import RedisClient
from libs.streams import deliverable
from libs.streams.batch_pruning import BatchPruner, first_uuid7
from libs.streams.deliverable import BacklogError, sources_for_aggregate, sources_for_enrich
from services.aggregate.expiry.expiry import Expiry
from services.aggregate.jobs import BATCHES as COUNTED
from services.aggregate.jobs import aggregate_jobs
from services.aggregate.renaming.postgres import MemberRenamer
from services.aggregate.settings import AggregateSettings
from services.enrich.anonymization.job import Anonymization
from services.enrich.archive.expiry import ArchiveExpiry
from services.enrich.archive.job import Archiving
from services.enrich.jobs import BATCHES as STORED
from services.enrich.jobs import enrich_jobs
from services.enrich.partitions.keeper import PartitionKeeper
from services.enrich.partitions.postgres import PostgresPartitionStore
from services.enrich.persons.postgres import PersonFiller
from services.enrich.retention.removal import Removal
from services.enrich.settings import EnrichSettings
from tests.support.pseudonyms import PSEUDONYMS

KEPT = timedelta(hours=72)
RAW, ENRICHED = "ingest:{0}:raw", "enrich:{0}:enriched"
ENRICH_QUARANTINE, AGGREGATE_QUARANTINE = "enrich:{0}:quarantine", "aggregate:{1}:quarantine"


@pytest.fixture(params=["enrich", "aggregate"])
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def engine(role_url: Callable[[str], str], service: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(role_url(f"weir_{service}"), service=service)
    yield engine
    await engine.dispose()


class Handled:
    """Batches that a service has handled some time ago, and where they still are."""

    def __init__(self, service: str, engine: AsyncEngine, client: RedisClient, url: str) -> None:
        self.service, self.client, self._url = service, client, url
        self._engine = engine
        table, sources = {
            "enrich": (STORED, sources_for_enrich(2)),
            "aggregate": (COUNTED, sources_for_aggregate(2)),
        }[service]
        self._table = table
        self.pruner = BatchPruner(engine, client, table, sources, KEPT)
        self.names: dict[uuid.UUID, str] = {}

    def add(self, name: str, *, handled_hours: float, made_hours: float | None = None) -> bytes:
        """A row of a batch; hours are ago, `made` by ingest's clock, which may be wrong."""
        made = datetime.now(UTC) - timedelta(
            hours=handled_hours if made_hours is None else made_hours
        )
        batch_id = uuid.UUID(int=first_uuid7(made).int + len(self.names))
        self.names[batch_id] = name
        extra = "skipped" if self.service == "enrich" else "events"
        self.sql(
            f"INSERT INTO {self._table.name} (batch_id, {self._table.handled_at}, {extra})"
            " VALUES (%s, now() - make_interval(hours => %s), %s)",
            batch_id,
            int(handled_hours),
            [] if self.service == "enrich" else 1,
        )
        return batch_id.bytes

    def sql(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def job(self) -> Job:
        if self.service == "enrich":
            keeper = PartitionKeeper(PostgresPartitionStore(self._engine), SystemClock())
            jobs = enrich_jobs(
                self.client,
                self._engine,
                keeper,
                PersonFiller(self._engine, PSEUDONYMS),
                cast(Anonymization, None),
                cast(Removal, None),
                cast(Archiving, None),
                cast(ArchiveExpiry, Mock()),
                EnrichSettings(),
            )
        else:
            jobs = aggregate_jobs(
                self.client,
                self._engine,
                MemberRenamer(self._engine, Catalogs.of(), PSEUDONYMS),
                cast(Expiry, Mock()),
                AggregateSettings(),
            )
        [job] = [job for job in jobs if job.name == f"{self.service}.prune_batches"]
        return job

    def left(self) -> set[str]:
        return {self.names[row[0]] for row in self.sql(f"SELECT batch_id FROM {self._table.name}")}


@pytest.fixture
def handled(service: str, engine: AsyncEngine, client: RedisClient, database_url: str) -> Handled:
    return Handled(service, engine, client, database_url)


def raw(batch_id: bytes) -> Mapping[Any, Any]:
    return {b"batch": batch_pb2.EventBatch(app_id="chess", batch_id=batch_id).SerializeToString()}


def enriched(batch_id: bytes) -> Mapping[Any, Any]:
    batch = batch_pb2.EnrichedBatch(event_batch=raw(batch_id)[b"batch"])
    return {b"batch": batch.SerializeToString()}


async def test_what_no_stream_has_is_forgotten_after_a_while(handled: Handled) -> None:
    handled.add("old", handled_hours=73)
    handled.add("very old", handled_hours=10_000)
    handled.add("young", handled_hours=71)
    # Ingest's clock was wrong when it made their ids: the hour that counts is Postgres's.
    handled.add("young with an old id", handled_hours=71, made_hours=9_000)
    handled.add("old with a young id", handled_hours=100, made_hours=-5)
    assert await handled.pruner.prune() == {"deleted": 2, "deliverable": 0}
    assert handled.left() == {"young", "young with an old id", "old with a young id"}


async def test_what_a_stream_or_quarantine_has_is_kept_however_old(handled: Handled) -> None:
    client, places = handled.client, {RAW: raw, ENRICH_QUARANTINE: raw}
    if handled.service == "aggregate":
        places |= {ENRICHED: enriched, AGGREGATE_QUARANTINE: enriched}
    for place, fields in places.items():
        await client.xadd(place, dict(fields(handled.add(place, handled_hours=9_000))))
    # In the middle of the others, so that the search does not end with the first page.
    for _ in range(40):
        await client.xadd(RAW, dict(raw(uuid.uuid4().bytes)))
    await client.xadd(RAW, dict(raw(handled.add("last", handled_hours=9_000))))
    # What is no batch has no id to keep.
    await client.xadd(RAW, {"batch": b"\xff\xff", "trace": ""})
    await client.xadd(RAW, {"other": "field"})
    handled.add("gone", handled_hours=9_000)
    # Acknowledged entries could come again too: with a group that is lost and made anew.
    await client.xgroup_create(RAW, "enrich", id="0")
    await client.xreadgroup("enrich", "one", {RAW: ">"}, noack=True)
    assert (await handled.pruner.prune())["deleted"] == 1
    assert handled.left() == {*places, "last"}
    # Once they are gone from there, they can go.
    await client.flushall()
    assert (await handled.pruner.prune())["deleted"] == len(places) + 1
    assert handled.left() == set()


async def test_a_batch_that_moves_while_streams_are_read_is_not_missed(
    handled: Handled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each batch is moved on as soon as the stream behind it has been read."""
    client, reading = handled.client, deliverable._entries
    moves = {
        RAW: ENRICH_QUARANTINE if handled.service == "enrich" else ENRICHED,
        ENRICHED: AGGREGATE_QUARANTINE,
    }
    forms = {RAW: raw, ENRICH_QUARANTINE: raw, ENRICHED: enriched, AGGREGATE_QUARANTINE: enriched}
    batch_id = handled.add("moving", handled_hours=9_000)
    await client.xadd(RAW, dict(raw(batch_id)))
    seen = []

    async def moved_before_it_is_read(redis: RedisClient, stream: str) -> AsyncIterator[Any]:
        if stream in moves and await redis.xlen(stream):
            await redis.xadd(moves[stream], dict(forms[moves[stream]](batch_id)))
            await redis.delete(stream)
            seen.append(stream)
        async for fields in reading(redis, stream):
            yield fields

    monkeypatch.setattr(deliverable, "_entries", moved_before_it_is_read)
    assert (await handled.pruner.prune())["deliverable"] == 1
    assert seen == ([RAW] if handled.service == "enrich" else [RAW, ENRICHED])
    assert handled.left() == {"moving"}


async def test_during_a_backlog_nothing_is_pruned(
    handled: Handled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverable, "MAX_ENTRIES", 3)
    handled.add("old", handled_hours=73)
    for _ in range(4):
        await handled.client.xadd(RAW, dict(raw(uuid.uuid4().bytes)))
    with pytest.raises(BacklogError, match=f"{re.escape(RAW)} has more than 3 entries"):
        await handled.pruner.prune()
    await handled.client.xtrim(RAW, maxlen=3, approximate=False)
    entry = len(raw(uuid.uuid4().bytes)[b"batch"])
    monkeypatch.setattr(deliverable, "MAX_BYTES", 3 * entry - 1)
    with pytest.raises(BacklogError, match=f"{re.escape(RAW)} has more than {3 * entry - 1} bytes"):
        await handled.pruner.prune()
    # The journal shows it: the run fails.
    with pytest.raises(JobError, match="bytes"):
        await handled.job().run(JobContext(datetime.now(UTC)))
    assert handled.left() == {"old"}
    monkeypatch.setattr(deliverable, "MAX_BYTES", 3 * entry)
    assert await handled.pruner.prune() == {"deleted": 1, "deliverable": 3}


async def test_many_rows_go_in_several_transactions(
    engine: AsyncEngine, handled: Handled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.streams.batch_pruning.ROWS_AT_A_TIME", 10)
    pruner = BatchPruner(
        engine, handled.client, handled._table, sources_for_aggregate(2), timedelta(hours=72)
    )
    for n in range(25):
        kept = n % 5 == 0
        batch_id = handled.add(f"{'kept' if kept else 'old'} {n}", handled_hours=100 + n)
        if kept:
            await handled.client.xadd(RAW, dict(raw(batch_id)))
    assert await pruner.prune() == {"deleted": 20, "deliverable": 5}
    assert handled.left() == {f"kept {n}" for n in range(0, 25, 5)}


def test_the_lowest_id_of_a_moment() -> None:
    # The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22Z.
    moment = datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)
    assert first_uuid7(moment) == uuid.UUID("017f22e2-79b0-7000-8000-000000000000")
