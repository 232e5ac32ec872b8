"""Jobs of a catalog on a real journal and real cells, with a clock and a watermark that tests set."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

import orjson
import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs, compile_catalog
from libs.common.clock import Clock
from libs.jobs.postgres import PostgresJournal
from libs.jobs.runner import JobRunner, Timing
from services.aggregate.results.postgres import PostgresResults
from services.aggregate.results.schedules import ResultJobs
from tests.support.arena_catalog import APP, CATALOG

DAILY = f"aggregate.{APP}.daily"
WITH_JOBS = f"""{CATALOG}
jobs:
  daily: {{every: day, at: '01:00', store: [loot, activity]}}
"""


class Replica:
    """What one replica of aggregate has for its results."""

    def __init__(
        self, engine: AsyncEngine, worker: str, clock: Clock, catalog: str = WITH_JOBS
    ) -> None:
        self.watermark: datetime | None = None
        catalogs = Catalogs.of(compile_catalog(catalog, "arena.yaml"))
        self.jobs = ResultJobs(catalogs, PostgresResults(engine), clock, lambda: self.watermark)
        self.runner = JobRunner(
            "aggregate",
            self.jobs.current,
            PostgresJournal(engine, worker),
            clock,
            Timing(poll_seconds=0.02),
        )


def add_cell(
    url: str,
    rollup: str,
    bucket: str,
    metrics: Mapping[str, int],
    dimensions: Mapping[str, Any] | None = None,
) -> None:
    """Stores a cell with counts by metric, as counting does."""
    cell_id = uuid4()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO aggregate.cells VALUES (%s, %s, %s, %s, %s)",
            [cell_id, APP, rollup, bucket, orjson.dumps(dimensions or {}).decode()],
        )
        for metric, count in metrics.items():
            connection.execute(
                "INSERT INTO aggregate.measures (cell_id, metric, count, version) VALUES (%s, %s, %s, 1)",
                [cell_id, metric, count],
            )
