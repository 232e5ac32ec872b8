"""kill -9 of enrich and of its archive's process in the middle of an archive run: it goes on, and each event
is in the archive once."""

import uuid
from contextlib import suppress
from functools import partial
from pathlib import Path

import duckdb
import psutil
import psycopg
import pytest

from services.enrich.archive.inspection import archived_days, verify
from services.enrich.archive.parquet import ParquetFiles
from suite.supervisor import Suite
from tests.support.archives import objects_of
from tests.support.retention_runs import SECONDS, finished_run, run
from tests.support.suite_calls import SuiteCalls, suite_calls
from tests.support.waiting import eventually, holds_in_time

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("fault")]
# Its events go into the archive after 90 days.
APP = "addvalue"
DAYS, ROWS = 3, 400
# 93, 94 and 95 days ago.
FILL = f"""
INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name, event_id,
    subject_id, schema_version, producer, environment, properties)
SELECT gen_random_uuid(), at + n * interval '1 second', at + interval '1 hour', '{APP}', '90d', 'user_login',
    'old ' || day || ' ' || n, 'person ' || n %% 50, '1.0.0', 'api', 'production', '{{}}'
FROM generate_series(1, {ROWS}) AS n, generate_series(93, {92 + DAYS}) AS day,
    LATERAL (SELECT date_trunc('day', now(), 'UTC') - day * interval '1 day' AS at) AS of_day
RETURNING event_id
"""
LEFT = f"SELECT count(*) FROM enrich.events WHERE app_id = '{APP}'"
# The run begins with the oldest day, and waits in the one behind it.
HELD = f"SELECT FROM enrich.events WHERE app_id = '{APP}' AND event_id = 'old 94 7' FOR UPDATE"
FILES = f"SELECT state, sum(events) FROM enrich.archive_files WHERE app_id = '{APP}' GROUP BY state"
WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE usename = 'weir_enrich' AND NOT granted
"""
ARCHIVED = "SELECT 1 FROM jobs.runs WHERE job = 'enrich.archive_events' AND outcome = 'succeeded'"


@pytest.mark.timeout(3 * SECONDS)
async def test_a_killed_archive_run_ends_with_each_event_in_the_archive_once(
    fragile_suite: Suite,
) -> None:
    suite, folder = fragile_suite, fragile_suite.home.path / "archive"
    with suite_calls(suite) as calls:
        # The run of the start is over.
        eventually(lambda: calls.query(ARCHIVED))
        ids = [event_id for (event_id,) in calls.query(FILL)]
        assert len(set(ids)) == DAYS * ROWS
        request_id = str(uuid.uuid4())
        with psycopg.connect(suite.addresses.database_url) as holder:
            assert len(holder.execute(HELD.encode()).fetchall()) == 1
            run(suite, request_id)
            assert holds_in_time(partial(_is_in_the_middle, calls), SECONDS)
            _kill(suite)
        assert calls.query(LEFT) == [((DAYS - 1) * ROWS,)]
        assert dict(calls.query(FILES)) == {"published": ROWS, "writing": None}
        assert len(list((folder / "_unfinished").glob("*.parquet"))) == 1
        # Its lease is over now, and not in a minute.
        calls.query(
            "UPDATE jobs.runs SET lease_until = now() WHERE outcome = 'running' RETURNING 1"
        )
        suite.restart("enrich")
        finished_run(suite, request_id)
        assert calls.query(LEFT) == [(0,)]
        assert dict(calls.query(FILES)) == {"published": DAYS * ROWS}
    assert sorted(_in(folder)) == sorted(ids)
    assert [path for path in (folder / "_unfinished").rglob("*") if path.is_file()] == []
    objects = objects_of(suite.home.archive_url)
    assert [day.events for day in await archived_days(objects, APP)] == [ROWS] * DAYS
    found = await verify(objects, ParquetFiles())
    assert (found.wrong, found.files, found.events) == ([], DAYS, DAYS * ROWS)


def _is_in_the_middle(calls: SuiteCalls) -> bool:
    """One day is archived, and the deletion of another one waits."""
    return calls.query(LEFT) == [((DAYS - 1) * ROWS,)] and calls.query(WAITING) > [(0,)]


def _kill(suite: Suite) -> None:
    """Kills enrich and what it has started, the archive's process."""
    children = psutil.Process(suite.pid("enrich")).children(recursive=True)
    assert children
    suite.kill("enrich")
    for child in children:
        # It ends with enrich, if it has the time.
        with suppress(psutil.NoSuchProcess):
            child.kill()
    eventually(lambda: not any(map(_runs, children)))


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _in(folder: Path) -> list[str]:
    """The ids of the events of all files, as DuckDB reads them."""
    with duckdb.connect() as duck:
        rows = duck.execute(f"SELECT event_id FROM '{folder}/app={APP}/*/*.parquet'").fetchall()
        return [event_id for (event_id,) in rows]
