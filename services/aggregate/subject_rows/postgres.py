"""Reads the numbers about one person: cells of rollups split by the person, counts of people that they are
in, and rows of stored reports. All know the person by pseudonyms, which nothing else looks like."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs
from libs.common.subject_data import Export, HeldRows
from libs.stores.json_rows import json_rows
from services.aggregate.postgres import one_state

# Rollups of which the catalog says that they are not split by the person are not looked into.
_OF_PERSON = """
    {table}.app_id = %(app_id)s AND {table}.rollup <> ALL(%(of_groups)s::text[]) AND EXISTS (
        SELECT FROM jsonb_each_text({table}.dimensions) AS dimension
        WHERE dimension.value = ANY(%(persons)s::text[])
    )
"""
_NUMBERS = f"""
    SELECT cell.rollup, cell.bucket, cell.dimensions, measure.metric, measure.count, measure.total,
           measure.minimum, measure.maximum
    FROM aggregate.cells AS cell JOIN aggregate.measures AS measure USING (cell_id)
    WHERE {_OF_PERSON.format(table="cell")}
    ORDER BY cell.rollup, cell.bucket, cell.dimensions, measure.metric
"""
_COUNTED_IN = """
    SELECT cell.rollup, cell.bucket, cell.dimensions, member.metric, member.member AS counted_as
    FROM aggregate.members AS member JOIN aggregate.cells AS cell USING (cell_id)
    WHERE cell.app_id = %(app_id)s AND member.member = ANY(%(persons)s::text[])
    ORDER BY cell.rollup, cell.bucket, cell.dimensions, member.metric, member.member
"""
_RESULTS = f"""
    SELECT result.job, result.period_start, result.rollup, result.bucket, result.dimensions,
           result.metrics
    FROM aggregate.result_cells AS result
    WHERE {_OF_PERSON.format(table="result")}
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

    def __init__(self, engine: AsyncEngine, catalogs: Catalogs) -> None:
        self._engine = engine
        self._catalogs = catalogs

    async def read(self, export: Export) -> AsyncIterator[HeldRows]:
        """See `libs.common.subject_data`; nothing if only some events are wanted. Raises as Postgres."""
        if export.names is not None:
            return
        subject = export.subject
        catalog = self._catalogs.current.catalogs.get(subject.app_id)
        rollups = catalog.rollups.values() if catalog else ()
        parameters = {
            "app_id": subject.app_id,
            "persons": list(subject.persons),
            "of_groups": [rollup.name for rollup in rollups if not rollup.personal_dimensions],
        }
        async with one_state(self._engine) as connection:
            for store, kind, query in _QUERIES:
                async for lines in json_rows(connection, query, parameters):
                    yield HeldRows(store, kind, lines)
