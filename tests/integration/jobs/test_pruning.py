"""Which old runs of the journal are deleted, and by whom."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from libs.jobs import pruning
from libs.jobs.pruning import RunRetention, prune_runs
from libs.stores.postgres import create_engine
from tests.integration.jobs.conftest import Cluster
from tests.support.clocks import FixedClock

KEPT = timedelta(days=90)
# Number (in the order of time), job, trigger, due so many days ago, ended so many days ago, outcome.
RUNS = [
    (1, "enrich.sweep", "schedule", 200, 200, "succeeded"),
    (2, "enrich.sweep", "manual", 199, 199, "succeeded"),  # the newest success
    (3, "enrich.sweep", "schedule", 190, 190, "failed"),
    (4, "enrich.sweep", "schedule", 180, 180, "failed"),  # two attempts at the newest due time
    (5, "enrich.sweep", "schedule", 180, 179, "failed"),
    (6, "enrich.sweep", "manual", 180, 178, "failed"),
    (7, "enrich.sweep", "manual", 300, 170, "abandoned"),  # the newest run
    (8, "ingest.sweep", "schedule", 95, 91, "succeeded"),
    (9, "ingest.sweep", "schedule", 91, 89, "succeeded"),  # younger than 90 days
    (10, "ingest.sweep", "schedule", 3, 3, "succeeded"),
    (11, "enrich.gone", "schedule", 91, 91, "succeeded"),  # of no job that there is
    (12, "ingest.sweep", "manual", 400, None, "requested"),
]
STAY = [2, 4, 5, 7, 9, 10, 12]


@pytest.mark.parametrize("rows_at_a_time", [1, 5_000])
async def test_the_newest_of_each_job_stays(
    cluster: Cluster,
    role_url: Callable[[str], str],
    rows_at_a_time: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pruning, "ROWS_AT_A_TIME", rows_at_a_time)
    for job in ("enrich.sweep", "ingest.sweep"):
        cluster.sql("INSERT INTO jobs.jobs VALUES (%s, 'x', '', '0 2 * * *', 'each')", job)
    for number, job, trigger, due, finished, outcome in RUNS:
        cluster.sql(
            "INSERT INTO jobs.runs (id, job, trigger, due_at, attempt, finished_at, outcome)"
            " VALUES (lpad(%s, 32, '0')::uuid, %s, %s, now()::date - %s::int, %s,"
            " now() - make_interval(days => %s), %s)",
            *(str(number), job, trigger, due, number, finished, outcome),
        )
    engine = create_engine(role_url("weir_aggregate"), service="aggregate")
    now = datetime.now(UTC)
    journal = RunRetention(engine, KEPT.days, FixedClock(now + timedelta(days=1)))
    [overdue] = await journal.list_overdue()
    assert (overdue.rows, overdue.days) == (len(RUNS) - len(STAY), 90)
    assert overdue.oldest < now - timedelta(days=199)
    assert await prune_runs(engine, now - KEPT) == len(RUNS) - len(STAY)
    assert await prune_runs(engine, now - KEPT) == 0
    assert await journal.list_overdue() == []
    await engine.dispose()
    left = cluster.sql(
        "SELECT ltrim(replace(id::text, '-', ''), '0')::int FROM jobs.runs ORDER BY id"
    )
    assert [number for (number,) in left] == STAY
