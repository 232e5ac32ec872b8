"""Rows of a query as JSON, made by Postgres, some at a time."""

from collections.abc import AsyncIterator, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.stores.postgres import driver_connection

# Rows may have some tens of kilobytes each.
ROWS_AT_A_TIME = 200


async def json_rows(
    connection: AsyncConnection,
    query: str,
    parameters: Mapping[str, object],
    *,
    at_once: int = ROWS_AT_A_TIME,
) -> AsyncIterator[list[bytes]]:
    """The rows of a query with `%(name)s`, each as a JSON object in UTF-8 with all columns in their order;
    times are ISO 8601 in UTC. Within the connection's transaction, with a cursor of the server's. Raises what
    Postgres raises."""
    driver = await driver_connection(connection)
    await driver.execute("SET LOCAL TIME ZONE 'UTC'")
    async with driver.cursor(name="json_rows", binary=True) as cursor:
        text = f"SELECT convert_to(CAST(row_to_json(line) AS text), 'UTF8') FROM ({query}) AS line"
        await cursor.execute(text.encode(), parameters)
        while rows := await cursor.fetchmany(at_once):
            yield [line for (line,) in rows]
