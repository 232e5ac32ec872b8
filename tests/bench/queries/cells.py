"""The cells that counting would have made of the events, by the recount that shares no code with it."""

import json
import uuid
from datetime import datetime, timedelta

import psycopg

from libs.catalog import Catalog
from libs.events.recount import RecountQuery
from services.aggregate.counting.identity import make_cell
from services.aggregate.plan import compile_plan
from tests.bench.queries.catalog import APP, ROLLUP
from tests.bench.queries.generator import START

_ACTIVITY = "activity"
_CELLS = """
    INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)
    VALUES (%s, %s, %s, to_timestamp(%s), %s::jsonb)
"""
_MEASURES = """
    INSERT INTO aggregate.measures (cell_id, metric, count, total, minimum, maximum, version)
    VALUES (%s, %s, %s, %s, %s, %s, 1)
"""
# A member is the text of what is a UUID in events.
_MEMBERS = """
    INSERT INTO aggregate.members (cell_id, metric, member)
    SELECT DISTINCT cell_id, 'active_users', encode(uuid_send(person), 'hex')
    FROM aggregate.cells, enrich.events AS e
    WHERE cells.app_id = %(app)s AND rollup = %(rollup)s AND bucket = %(start)s
        AND e.app_id = %(app)s AND occurred_at >= %(start)s AND occurred_at < %(end)s
        AND person IS NOT NULL
"""


class CellFiller:
    """Writes cells and measures of what questions read, and the members of `activity`."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._plan = compile_plan(catalog)

    def fill(self, connection: psycopg.Connection, day: int) -> None:
        """Those of a day. The connection commits by itself."""
        start = START + timedelta(days=day)
        frame = {"start": start, "end": start + timedelta(days=1)}
        with connection.transaction():
            for rollup in (ROLLUP, _ACTIVITY):
                self._fill(connection, rollup, **frame)
            connection.execute(_MEMBERS, {"app": APP, "rollup": _ACTIVITY, **frame})

    def _fill(self, connection: psycopg.Connection, rollup: str, **frame: datetime) -> None:
        app, plan = self._plan, self._plan.rollups[rollup]
        query = RecountQuery(APP, self._catalog.rollups[rollup], app.dimension_characters, **frame)
        rows = connection.execute(query.statement.encode(), query.parameters).fetchall()
        cells, measures = [], []
        for (bucket, dimensions), metrics in query.cells(rows).items():
            values = json.loads(dimensions)
            key = (bucket, *(values[name] for name in plan.dimension_names))
            cell_id = uuid.UUID(bytes=make_cell(APP, plan, key).cell_id)
            cells.append((cell_id, APP, rollup, bucket, dimensions))
            measures += [
                (cell_id, metric, value.count, value.total, value.minimum, value.maximum)
                for metric, value in metrics.items()
            ]
        with connection.cursor() as cursor:
            cursor.executemany(_CELLS, cells)
            cursor.executemany(_MEASURES, measures)
