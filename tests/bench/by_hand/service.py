"""What Weir is compared with: the service that a good author writes by hand in an afternoon.

    BY_HAND_DATABASE_URL=... uvicorn --factory tests.bench.by_hand.service:make_app

It takes a JSON array of events, stores them and answers once they are committed. It checks no schema and
no consent, looks nothing up, counts nothing and knows no tokens. It is as fast as its author could make it:
orjson instead of FastAPI's own models, a pool of connections, statements prepared once, one transaction
and one round trip for a call.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

# More keep a core busy with switching: the server's processes share two cores.
_POOL_SIZE = 8

COLUMNS = (
    "event_id, app_id, name, occurred_at, producer, environment, subject_id, session_id,"
    " entity_type, entity_id, context, properties"
)
INSERT = f"""
    INSERT INTO events ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""
COPY = f"COPY events ({COLUMNS}) FROM STDIN"


def make_app() -> FastAPI:
    """The application; a uvicorn worker calls this once."""
    pool = AsyncConnectionPool[AsyncConnection[Any]](
        os.environ["BY_HAND_DATABASE_URL"],
        min_size=_POOL_SIZE,
        max_size=_POOL_SIZE,
        open=False,
        # The statements of an executemany are one transaction: psycopg sends them as one pipeline.
        kwargs={"autocommit": True, "prepare_threshold": 0},
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with pool:
            await pool.wait()
            yield

    async def insert(request: Request) -> Response:
        rows = _rows(await request.body())
        async with pool.connection() as connection:
            if len(rows) == 1:
                await connection.execute(INSERT, rows[0])
            else:
                await connection.cursor().executemany(INSERT, rows)
        return Response(status_code=204)

    async def copy(request: Request) -> Response:
        rows = _rows(await request.body())
        async with pool.connection() as connection, connection.cursor().copy(COPY) as copying:
            for row in rows:
                await copying.write_row(row)
        return Response(status_code=204)

    async def ready() -> Response:
        return Response(status_code=204)

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    app.add_api_route("/events", insert, methods=["POST"])
    app.add_api_route("/events/copy", copy, methods=["POST"])
    app.add_api_route("/ready", ready, methods=["GET"])
    return app


def _rows(body: bytes) -> list[tuple[Any, ...]]:
    return [
        (
            event["eventId"],
            event["appId"],
            event["name"],
            event["occurredAt"],
            event["producer"],
            event["environment"],
            event["subjectId"],
            event["sessionId"],
            event["entityType"],
            event["entityId"],
            # As text: Postgres makes its own form of it, and of ids and times.
            orjson.dumps(event["context"]).decode(),
            orjson.dumps(event["properties"]).decode(),
        )
        for event in orjson.loads(body)
    ]
