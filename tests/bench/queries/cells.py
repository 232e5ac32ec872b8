"""The cells that counting would have made of the events, by the recount that shares no code with it."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta

import psycopg

from libs.catalog import load_catalog
from libs.events.recount import RecountQuery
from libs.runtime.resources import CATALOGS
from services.aggregate.counting.identity import make_cell
from services.aggregate.plan import AppPlan, compile_plan
from tests.bench.queries.generator import DAYS, START
from tests.bench.queries.rows import APP

CATALOG = load_catalog(CATALOGS / f"{APP}.yaml")
# Those that questions read, and the days of which they do: a recount of all of them takes minutes.
VIEW_DAYS = range(54, 84)
_DAYS = {"views": VIEW_DAYS, "activity": range(DAYS)}
# A rollup of weeks that no catalog has yet.
WEEKLY = "activity_by_week"
_CELLS = """
    INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)
    VALUES (%s, %s, %s, to_timestamp(%s), %s::jsonb)
"""
_MEASURES = """
    INSERT INTO aggregate.measures (cell_id, metric, count, total, minimum, maximum, version)
    VALUES (%s, %s, %s, %s, %s, %s, 1)
"""
_MEMBERS = """
    INSERT INTO aggregate.members (cell_id, metric, member)
    SELECT DISTINCT cell_id, 'active_users', subject_id FROM aggregate.cells, enrich.events AS e
    WHERE cells.app_id = %(app)s AND rollup = 'activity' AND bucket = %(start)s
        AND e.app_id = %(app)s AND occurred_at >= %(start)s AND occurred_at < %(end)s
        AND subject_id IS NOT NULL
"""
_WEEKS = """
    INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)
    SELECT gen_random_uuid(), app_id, %(weekly)s, date_trunc('week', bucket, 'UTC') AS week, '{}'
    FROM aggregate.cells WHERE app_id = %(app)s AND rollup = 'activity' GROUP BY app_id, week
"""
_WEEKLY_MEMBERS = """
    INSERT INTO aggregate.members (cell_id, metric, member)
    SELECT DISTINCT week.cell_id, 'active_users', member
    FROM aggregate.cells AS week
    JOIN aggregate.cells AS day ON date_trunc('week', day.bucket, 'UTC') = week.bucket
    JOIN aggregate.members ON members.cell_id = day.cell_id
    WHERE week.app_id = %(app)s AND week.rollup = %(weekly)s
        AND day.app_id = %(app)s AND day.rollup = 'activity'
"""


def plan() -> AppPlan:
    """What aggregate makes of the app's catalog."""
    return compile_plan(CATALOG)


def fill(connection: psycopg.Connection) -> Iterator[int]:
    """Writes cells, measures and members of what questions read; yields each day that is done. The connection
    commits by itself."""
    app = plan()
    for day in range(DAYS):
        start = START + timedelta(days=day)
        with connection.transaction():
            for rollup, days in _DAYS.items():
                if day in days:
                    _fill_day(connection, app, rollup, day)
            connection.execute(
                _MEMBERS, {"app": APP, "start": start, "end": start + timedelta(days=1)}
            )
        yield day
    parameters = {"app": APP, "weekly": WEEKLY}
    with connection.transaction():
        connection.execute(_WEEKS, parameters)
        connection.execute(_WEEKLY_MEMBERS, parameters)
    for table in ("cells", "measures", "members"):
        connection.execute(f"VACUUM (ANALYZE) aggregate.{table}".encode())


def _fill_day(connection: psycopg.Connection, app: AppPlan, rollup: str, day: int) -> None:
    start = START + timedelta(days=day)
    query = RecountQuery(
        APP, CATALOG.rollups[rollup], app.dimension_characters, start, start + timedelta(days=1)
    )
    found = query.cells(connection.execute(query.statement.encode(), query.parameters).fetchall())
    cells, measures = [], []
    names = app.rollups[rollup].dimension_names
    for (bucket, dimensions), metrics in found.items():
        values = json.loads(dimensions)
        cell = make_cell(
            app.app_id, app.rollups[rollup], (bucket, *(values[name] for name in names))
        )
        cell_id = uuid.UUID(bytes=cell.cell_id)
        cells.append((cell_id, APP, rollup, bucket, dimensions))
        measures += [
            (cell_id, metric, value.count, value.total, value.minimum, value.maximum)
            for metric, value in metrics.items()
        ]
    with connection.cursor() as cursor:
        cursor.executemany(_CELLS, cells)
        cursor.executemany(_MEASURES, measures)
