"""A person's stored event in Postgres: found, and written with other properties."""

from collections.abc import Mapping, Sequence
from typing import LiteralString
from uuid import UUID

from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.common.exact_json import exact_dumps, exact_loads
from libs.common.subject_data import SubjectRef
from libs.events.person import OWNED, person_values
from libs.stores.postgres import driver_connection
from services.enrich.erasure.fences import HOLD_FENCES
from services.enrich.partitions.plan import class_table
from services.enrich.rectification.model import Corrected, StoredEvent, value_at

# The id alone is in the unique index of each leaf; with another time it is another event. Two are enough to
# know that there is more than one.
_FIND: LiteralString = f"""
    SELECT xmin::text, event_uuid, occurred_at, received_at, retention_class, name, schema_version,
        subject_id, anonymous_id, person, properties::text
    FROM enrich.events
    WHERE event_uuid = %(event_uuid)s AND app_id = %(app_id)s AND {OWNED} LIMIT 2
"""
# In the class, because enrich owns these and not the table of all. Nothing, if the event was changed since it
# was read.
_REPLACE: LiteralString = """
    UPDATE {table} SET properties = {properties}
    WHERE event_uuid = %(event_uuid)s AND occurred_at = %(occurred_at)s AND app_id = %(app_id)s
        AND xmin = %(version)s::xid
"""
_IS_FENCED: LiteralString = """
    SELECT EXISTS (
        SELECT FROM enrich.fences WHERE app_id = %(app_id)s AND person = ANY(%(persons)s::uuid[])
            AND fenced_at >= %(moment)s
    )
"""


class PostgresEvents:
    """The statements; the caller's transaction is around those that take a connection."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def find(self, subject: SubjectRef, event_uuid: UUID) -> Sequence[StoredEvent]:
        """The person's events with this id: none, one, or two if there are more than one."""
        values = {"event_uuid": event_uuid, "app_id": subject.app_id, **person_values(subject)}
        async with self.engine.connect() as outer:
            connection = await driver_connection(outer)
            rows = await (await connection.execute(_FIND, values)).fetchall()
        return [StoredEvent(*row[:-1], properties=exact_loads(row[-1].encode())) for row in rows]

    async def is_fenced(
        self, connection: AsyncConnection, subject: SubjectRef, event: StoredEvent
    ) -> bool:
        """Whether an erasure of the person is to end the event, or has ended others of that time; no fence is
        set before the transaction ends."""
        driver = await driver_connection(connection)
        await driver.execute(HOLD_FENCES)
        values = {
            "app_id": subject.app_id,
            "persons": list(map(UUID, subject.persons)),
            "moment": min(event.occurred_at, event.received_at),
        }
        row = await (await driver.execute(_IS_FENCED, values)).fetchone()
        return bool(row and row[0])

    async def replace(
        self, connection: AsyncConnection, app_id: str, event: StoredEvent, corrected: Corrected
    ) -> bool:
        """Writes the corrected properties; False, and nothing, if the event is not as it was read."""
        driver = await driver_connection(connection)
        table = sql.Identifier("enrich", class_table(event.retention_class))
        properties, values = _written(corrected)
        cursor = await driver.execute(
            sql.SQL(_REPLACE).format(table=table, properties=properties),
            {
                **values,
                "event_uuid": event.event_uuid,
                "occurred_at": event.occurred_at,
                "app_id": app_id,
                "version": event.version,
            },
        )
        return cursor.rowcount == 1


def _written(corrected: Corrected) -> tuple[sql.Composable, Mapping[str, object]]:
    """The stored properties with the changed places alone written anew, and the values of the expression."""
    expression: sql.Composable = sql.SQL("properties")
    values: dict[str, object] = {}
    for place, path in enumerate(corrected.written):
        path_name, value_name = f"path_{place}", f"value_{place}"
        values[path_name] = list(path)
        if value := value_at(corrected.properties, path):
            values[value_name] = exact_dumps(value[0]).decode()
            statement: LiteralString = "jsonb_set({before}, {path}::text[], {value}::jsonb)"
        else:
            statement = "({before} #- {path}::text[])"
        expression = sql.SQL(statement).format(
            before=expression, path=sql.Placeholder(path_name), value=sql.Placeholder(value_name)
        )
    return expression, values
