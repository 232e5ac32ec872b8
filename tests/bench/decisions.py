"""Measures what the decision records claim: `python -m tests.bench.decisions sink|dedupe`.

Both ways of each decision run in turn, in one run, on a database and a Redis of their own; the figure
is the median of five rounds.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from redis import Redis
from weir.common.v1 import event_pb2

from libs.catalog import Catalogs
from libs.common.clock import EPOCH
from libs.common.ids import new_uuid7, new_uuid7_text
from libs.stores.postgres import create_engine, driver_connection
from libs.stores.postgres_connector import PostgresConnector
from services.enrich.model import Row
from services.enrich.partitions.plan import PartitionChange, current_leaves
from services.enrich.partitions.postgres import PostgresPartitionStore
from services.enrich.storage import postgres as store
from services.enrich.storage.rows import rows_of
from services.ingest.intake.redis import APPEND_SCRIPT
from suite.embedded import PostgresServer, RedisServer
from suite.migrate import upgrade
from tests.support.enrich_batches import enriched, event, work_batch
from tests.support.pseudonyms import PSEUDONYMS

ROUNDS = 5
CHUNKS, CHUNK_ROWS = 10, 5_000
FRAMES, FRAME_EVENTS = 60, 500
NOW_US = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z

COPY_EVENTS = store.COPY_STAGING.replace("staging", "enrich.events")
SET_PER_ID = """
redis.replicate_commands()
local duplicates = {}
for i = 2, #KEYS do
  if not redis.call('SET', KEYS[i], ARGV[2], 'NX', 'EX', 86400) then
    duplicates[#duplicates + 1] = i - 2
  end
end
redis.call('XADD', KEYS[1], '*', 'batch', ARGV[1], 'trace', '', 'skip', table.concat(duplicates, ','))
return {duplicates, 0}
"""


def main() -> None:
    """Runs the comparison that is named, or both."""
    wanted = sys.argv[1:] or ["sink", "dedupe"]
    with tempfile.TemporaryDirectory() as folder:
        if "sink" in wanted:
            asyncio.run(compare_sinks(Path(folder)))
        if "dedupe" in wanted:
            compare_dedupe(Path(folder))


async def compare_sinks(folder: Path) -> None:
    """COPY straight into the events table against staging and ON CONFLICT; all rows are new."""
    postgres = PostgresServer(folder / "postgres", 25432)
    url = postgres.start()
    engine = create_engine(url, service="bench")
    try:
        upgrade(url)
        connector = PostgresConnector(url, service="bench")
        sink = store.PostgresEventStore(engine, connector, PSEUDONYMS, Catalogs.of())
        for leaf in current_leaves("90d", EPOCH + timedelta(microseconds=NOW_US)):
            await PostgresPartitionStore(engine).apply(PartitionChange(leaf))
        rates: dict[str, list[float]] = {"straight": [], "staging": []}
        for _ in range(ROUNDS):
            for way in rates:
                chunks = [_rows() for _ in range(CHUNKS)]
                started = time.perf_counter()
                for rows in chunks:
                    await _store(engine, sink, rows, staging=way == "staging")
                rates[way].append(CHUNKS * CHUNK_ROWS / (time.perf_counter() - started))
        _report("rows/s", rates)
    finally:
        await engine.dispose()
        postgres.stop()


async def _store(
    engine: Any, sink: store.PostgresEventStore, rows: Sequence[Row], staging: bool
) -> None:
    async with engine.connect() as outer, outer.begin():
        await outer.exec_driver_sql("SELECT 1")
        connection = await driver_connection(outer)
        if staging:
            await sink._store_new(connection, rows)
        else:
            async with connection.transaction():
                await store._copy(connection, COPY_EVENTS, rows)


def _rows() -> list[Row]:
    """As enrich makes them of a batch."""
    batch = work_batch(
        *(_event(number) for number in range(CHUNK_ROWS)), app_id="unofficial_communities"
    )
    return [row for row in rows_of(enriched(batch), PSEUDONYMS) if row is not None]


def _event(number: int) -> event_pb2.Event:
    made = event(
        new_uuid7_text(),
        NOW_US + number,
        name="gamification.mission.completed",
        schema_version="1.0.0",
        producer=event_pb2.PRODUCER_API,
        environment=event_pb2.ENVIRONMENT_PRODUCTION,
        retention_days=90,
        subject_id=str(number),
        session_id=f"session-{number}",
        group_id=str(number % 40),
        properties_json=b'{"mission_type":"send_messages","xp_awarded":50}',
    )
    made.context.platform, made.context.ip = "web", f"81.84.{number % 256}.7"
    made.context.user_agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Firefox/140.0"
    return made


def compare_dedupe(folder: Path) -> None:
    """The append script against one `SET NX EX` per id, by the CPU that Redis itself reports."""
    server = RedisServer(folder / "redis", 26379)
    server.start()
    try:
        with Redis.from_url(server.url) as redis:
            windows, keys = (
                redis.register_script(APPEND_SCRIPT.read_text()),
                redis.register_script(SET_PER_ID),
            )
            cost: dict[str, list[float]] = {"windows": [], "set_per_id": []}
            memory: dict[str, list[float]] = {"windows": [], "set_per_id": []}
            for _ in range(ROUNDS):
                for way in cost:
                    redis.flushall()
                    frames = [[uuid.uuid4() for _ in range(FRAME_EVENTS)] for _ in range(FRAMES)]
                    payload = os.urandom(300) * FRAME_EVENTS
                    before, space = _cpu(redis), _space(redis)
                    for ids in frames:
                        if way == "windows":
                            _append(windows, ids, payload)
                        else:
                            names = [f"ingest:{{0}}:seen:unofficial_communities:{i}" for i in ids]
                            keys(keys=["raw", *names], args=[payload, new_uuid7() + b"1234"])
                    events = FRAMES * FRAME_EVENTS
                    cost[way].append(1e6 * (_cpu(redis) - before) / events)
                    memory[way].append((_space(redis) - space) / events - 300)
            _report("us of Redis CPU per event", cost)
            _report("bytes per id", memory)
    finally:
        server.stop()


def _append(script: Any, ids: Sequence[uuid.UUID], payload: bytes) -> None:
    windows = [f"{kind}:{window}" for kind in ("seen", "key") for window in (1, 0, 2)]
    script(
        keys=["raw", "dead", *windows],
        args=[
            new_uuid7(), NOW_US // 1000, 86_400_000, b"".join(i.bytes for i in ids),
            bytes(4 * len(ids)), b"", 3_600_000, payload, b"", "", 1_000_000, len(payload), new_uuid7(),
        ],
    )  # fmt: skip


def _cpu(redis: Any) -> float:
    info = redis.info("cpu")
    return float(info["used_cpu_user"] + info["used_cpu_sys"])


def _space(redis: Any) -> float:
    return float(redis.info("memory")["used_memory"])


def _report(unit: str, figures: dict[str, list[float]]) -> None:
    for way, values in figures.items():
        low, high = min(values), max(values)
        print(f"{way:12} {statistics.median(values):12,.2f} {unit} ({low:,.2f} to {high:,.2f})")


if __name__ == "__main__":
    main()
