"""What old dates cost: `python -m tests.bench.old_dates`.

An import of ten years of daily events, sorted by person, beside as many events of today, in turn; and the
delay of another producer's events while 8,000 events of as many days arrive.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import LiteralString

import psycopg
from rich.console import Console
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.common.clock import DAY_US
from libs.common.ids import new_uuid7_text
from suite.home import Home
from suite.supervisor import Suite
from tests.bench.answers import record_answers
from tests.bench.delay import DelayBench
from tests.bench.figures import Figure, pair_ratios, percentile
from tests.bench.load import WrongCountsError, send
from tests.bench.opt_in import load_grants
from tests.bench.traffic import Frames, Traffic
from tests.support.environment import without_settings
from tests.support.pseudonyms import pseudonymizer_of

APP = "ip_assets"
FRAME_EVENTS = 500
TEN_YEARS = 3_650
# As many as the issue that asked for this bench: back to the first day that ingest takes.
DISTINCT_DAYS = 8_000
_SEED = 20_260_102
_US = 1_000_000
_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.02

OF_APP: LiteralString = "SELECT count(*) FROM enrich.events WHERE app_id = %s"
LEAVES: LiteralString = "SELECT count(*) FROM pg_partition_tree('enrich.events') WHERE isleaf"
DAYS_OF_APP: LiteralString = """
    SELECT count(DISTINCT date_trunc('day', occurred_at AT TIME ZONE 'UTC')) FROM enrich.events
    WHERE app_id = %s
"""


def main() -> int:
    """0 if everything was measured, whatever came out; 1 if counts were wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.old_dates", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=200, help="of 500 events, in each import")
    parser.add_argument("--seconds", type=float, default=15.0, help="of the other producer's load")
    parser.add_argument("--rate", type=float, default=5_000.0, help="events/s of that load")
    options = parser.parse_args()
    progress = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory(prefix="weir-bench-") as folder,
        Suite(Home(Path(folder)), without_settings(), report=progress.print) as suite,
    ):
        try:
            figures = asyncio.run(_measure(suite, options, progress))
        except WrongCountsError as error:
            progress.print(f"wrong counts: {error}", style="bold red", markup=False)
            return 1
    print(json.dumps(figures))
    return 0


async def _measure(
    suite: Suite, options: argparse.Namespace, progress: Console
) -> dict[str, float | int]:
    services, token = suite.addresses.services, suite.addresses.token
    traffic = Traffic(_SEED)
    load_grants(suite.addresses.database_url, suite.addresses.redis_url, traffic)
    await record_answers(services["privacy"], token, traffic)
    with psycopg.connect(suite.addresses.database_url, autocommit=True) as connection:
        delays = DelayBench(
            services, token, suite.addresses.database_url, traffic, pseudonymizer_of(suite.home)
        )
        progress.print("8,000 days beside another producer")
        streams = delays.frames(f"marker-{time.time_ns()}", options.seconds, options.rate)
        flood = _frames(DISTINCT_DAYS // FRAME_EVENTS, DISTINCT_DAYS)
        (stored, _, _), _ = await asyncio.gather(
            delays.run(streams, options.seconds), send(services["ingest"], token, flood)
        )
        await _wait_for(connection, flood.events)
        [days] = connection.execute(DAYS_OF_APP, [APP]).fetchone() or (0,)
        if days != DISTINCT_DAYS:
            raise WrongCountsError(f"events of {days} days are stored")
        old, usual = [], []
        for _ in range(options.rounds):
            progress.print("ten years, and as many events of today")
            old.append(await _import(suite, connection, _frames(options.frames, TEN_YEARS)))
            usual.append(await _import(suite, connection, _frames(options.frames, 1)))
        [leaves] = connection.execute(LEAVES).fetchone() or (0,)
    ratio = Figure.of(pair_ratios(old, usual))
    return {
        "other_producer_stored_p50_ms": round(percentile(stored, 50) * 1e3),
        "other_producer_stored_p99_ms": round(percentile(stored, 99) * 1e3),
        "leaves": leaves,
        "ten_years_events_per_s": round(Figure.of(old).median),
        "today_events_per_s": round(Figure.of(usual).median),
        "ten_years_ratio": round(ratio.median, 3),
        "ten_years_ratio_low": round(ratio.low, 3),
        "ten_years_ratio_high": round(ratio.high, 3),
    }


async def _import(suite: Suite, connection: psycopg.Connection, frames: Frames) -> float:
    """Events stored in a second, from the first frame until all are in the table."""
    [before] = connection.execute(OF_APP, [APP]).fetchone() or (0,)
    start = time.perf_counter()
    await send(suite.addresses.services["ingest"], suite.addresses.token, frames)
    await _wait_for(connection, before + frames.events)
    return frames.events / (time.perf_counter() - start)


async def _wait_for(connection: psycopg.Connection, stored: int) -> None:
    deadline = time.perf_counter() + _TIMEOUT_SECONDS
    while (connection.execute(OF_APP, [APP]).fetchone() or (0,))[0] < stored:
        if time.perf_counter() > deadline:
            raise WrongCountsError("not everything was stored in time")
        await asyncio.sleep(_POLL_SECONDS)


def _frames(count: int, days: int) -> Frames:
    """Frames of one event a day for each person, one person after the other, over so many days; over a
    single day, the events of a frame are spread over its hours."""
    now_us = time.time_ns() // 1_000
    total, number = count * FRAME_EVENTS, 0
    messages = []
    for sequence in range(1, count + 1):
        frame = pb.EventFrame(sequence=sequence)
        for _ in range(FRAME_EVENTS):
            age_us = number % days * DAY_US if days > 1 else number * (DAY_US // 2) // total
            _fill(frame.events.add(), number // days, now_us - _US - age_us)
            number += 1
        messages.append(pb.StreamEventsRequest(frame=frame).SerializeToString())
    return Frames(APP, messages, FRAME_EVENTS, frozenset())


def _fill(event: event_pb2.Event, person: int, occurred_at_us: int) -> None:
    event.event_id = new_uuid7_text()
    event.name = "asset_viewed"
    event.producer = event_pb2.PRODUCER_SERVER
    event.environment = event_pb2.ENVIRONMENT_PRODUCTION
    event.occurred_at.FromMicroseconds(occurred_at_us)
    event.subject_id = f"person-{person}"
    event.entity.type, event.entity.id = "asset", str(person % 100)
    event.properties_json = b'{"view_duration_ms": 1200}'


if __name__ == "__main__":
    sys.exit(main())
