"""Which keys of erased people still have sealed something that is stored, or may be in the archive."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.catalog import Catalogs
from libs.common.subject_data import KeptKey
from libs.sealing.values import mark_of
from libs.stores.postgres import driver_connection

# By the index on the person.
_IN_EVENTS: LiteralString = """
    SELECT key_id FROM unnest(%(key_ids)s::uuid[], %(people)s::uuid[], %(marks)s::text[])
        AS key (key_id, person, mark)
    WHERE EXISTS (
        SELECT FROM enrich.events
        WHERE app_id = %(app_id)s AND person = key.person AND strpos(properties::text, mark) > 0
    )
"""
# Whose events are in a file, only the file says.
_FIRST_DAY: LiteralString = """
    SELECT min(day) FROM enrich.archive_files
    WHERE app_id = %(app_id)s AND state <> 'writing' AND names ?| %(names)s
"""
# An event whose sender's clock was ahead belongs to the day after its receipt.
_CLOCK_AHEAD = timedelta(days=1)


class PostgresSealedValues:
    """Implements `libs.common.subject_data.SealedValues`."""

    def __init__(self, engine: AsyncEngine, catalogs: Catalogs) -> None:
        self._engine = engine
        self._catalogs = catalogs

    async def still_needed(self, app_id: str, keys: Sequence[KeptKey]) -> Collection[UUID]:
        """See the port. Of the archive, a file of the app up to the day after the key was in use counts that
        has events with sealed properties, whosever they are. Also with those that no law keeps: the person
        may have come back before the erasure ended."""
        newest = self._catalogs.newest(app_id)
        if newest is None:
            return [key.key_id for key in keys]
        values = {
            "app_id": app_id,
            "key_ids": [key.key_id for key in keys],
            "people": [key.person for key in keys],
            "marks": [mark_of(key.key_id.bytes) for key in keys],
            "names": sorted(newest.catalog.sealed),
        }
        async with self._engine.connect() as outer, outer.begin():
            await outer.exec_driver_sql("SET LOCAL transaction_read_only = on")
            connection = await driver_connection(outer)
            cursor = await connection.execute(_IN_EVENTS, values)
            needed = {key_id for (key_id,) in await cursor.fetchall()}
            [(first,)] = await (await connection.execute(_FIRST_DAY, values)).fetchall()
        if first is not None:
            needed |= {
                key.key_id for key in keys if first <= (key.kept_since + _CLOCK_AHEAD).date()
            }
        return needed
