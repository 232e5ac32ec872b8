"""Reads the numbers about one person: cells of rollups split by the person, counts of people that they are
in, and rows of stored reports."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.subject_data import Export, HeldRows
from libs.stores.json_rows import json_rows
from services.aggregate.person_cells import SPLIT_BY, ids_in_numbers
from services.aggregate.postgres import one_state

_IDS = "%(ids)s::text[]"
_NUMBERS = f"""
    SELECT cell.rollup, cell.bucket, cell.dimensions, measure.metric, measure.count, measure.total,
           measure.minimum, measure.maximum
    FROM aggregate.cells AS cell JOIN aggregate.measures AS measure USING (cell_id)
    WHERE cell.app_id = %(app_id)s AND {SPLIT_BY.format(dimensions="cell.dimensions", ids=_IDS)}
    ORDER BY cell.rollup, cell.bucket, cell.dimensions, measure.metric
"""
_COUNTED_IN = """
    SELECT cell.rollup, cell.bucket, cell.dimensions, member.metric, member.member AS counted_as
    FROM aggregate.members AS member JOIN aggregate.cells AS cell USING (cell_id)
    WHERE cell.app_id = %(app_id)s AND member.member = ANY(%(ids)s::text[])
    ORDER BY cell.rollup, cell.bucket, cell.dimensions, member.metric, member.member
"""
_RESULTS = f"""
    SELECT result.job, result.period_start, result.rollup, result.bucket, result.dimensions,
           result.metrics
    FROM aggregate.result_cells AS result
    WHERE result.app_id = %(app_id)s AND {SPLIT_BY.format(dimensions="result.dimensions", ids=_IDS)}
    ORDER BY result.job, result.period_start, result.rollup, result.bucket, result.dimensions
"""
_QUERIES = (
    ("aggregate.cells", "numbers", _NUMBERS),
    ("aggregate.members", "counted_in", _COUNTED_IN),
    ("aggregate.result_cells", "results", _RESULTS),
)


class SubjectRows:
    """The numbers about a person, of one state of the tables. Numbers have no moment of receipt: they are as
    of the moment of reading, at which everything received before has to be counted."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def read(self, export: Export) -> AsyncIterator[HeldRows]:
        """See `libs.common.subject_data`; nothing if only some events are wanted. Raises as Postgres."""
        if export.names is not None:
            return
        subject = export.subject
        parameters = {"app_id": subject.app_id, "ids": ids_in_numbers(subject)}
        async with one_state(self._engine) as connection:
            for store, kind, query in _QUERIES:
                async for lines in json_rows(connection, query, parameters):
                    yield HeldRows(store, kind, lines)
