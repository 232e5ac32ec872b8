"""Reads the dead letters about one person from Postgres."""

from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs
from libs.common.mentions import PersonIds
from libs.common.subject_data import Export, HeldRows
from libs.stores.json_rows import ROWS_AT_A_TIME
from libs.stores.postgres import driver_connection
from services.ingest.dead_letters.about import MAY_NAME, is_about, traces
from services.ingest.subject_rows.convert import Letter, event_of, letter_line

# Reads all letters of the app, of which there are those of some weeks; few of them have a trace.
_LETTERS = f"""
    SELECT dead_letter_id, received_at, stage, reason, field, message, event FROM ingest.dead_letters
    WHERE app_id = %(app_id)s AND received_at < %(until)s
    AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s)) AND (
        subject_id = ANY(%(ids)s::text[]) OR {MAY_NAME.format("%(traces)s")}
    )
    ORDER BY received_at, dead_letter_id
""".encode()


class SubjectRows:
    """The dead letters about a person, of one snapshot."""

    def __init__(self, engine: AsyncEngine, catalogs: Catalogs) -> None:
        self._engine = engine
        self._catalogs = catalogs

    async def read(self, export: Export) -> AsyncIterator[HeldRows]:
        """See `libs.common.subject_data`. Raises what Postgres raises."""
        ids = export.subject.ids
        people = PersonIds(ids)
        newest = self._catalogs.newest(export.subject.app_id)
        catalog = newest.catalog if newest else None
        parameters = {
            "app_id": export.subject.app_id,
            "until": export.received_before,
            "names": None if export.names is None else list(export.names),
            "ids": list(ids),
            "traces": traces(ids),
        }
        async with self._engine.connect() as connection:
            driver = await driver_connection(connection)
            async with driver.cursor(name="letters") as cursor:
                await cursor.execute(_LETTERS, parameters)
                while rows := await cursor.fetchmany(ROWS_AT_A_TIME):
                    letters = [
                        (letter, event_of(letter.event))
                        for letter in (Letter(*row) for row in rows)
                    ]
                    about = [
                        letter_line(*each) for each in letters if is_about(each[1], people, catalog)
                    ]
                    yield HeldRows("ingest.dead_letters", "dead_letters", about)
