"""Paths from Postgres: it collects the events by person, and a thread walks along them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from libs.events.selection_sql import STORED_NAMES
from services.aggregate.behaviour.convert import microseconds
from services.aggregate.behaviour.model import Reading
from services.aggregate.behaviour.paths.model import PathsQuery, PathTable
from services.aggregate.behaviour.paths.walk import PathTally, packed_keys
from services.aggregate.behaviour.postgres import (
    POSTGRES_EPOCH,
    BehaviourConnections,
    parameters_of,
    where,
)

# Of people who have an anchor. The numbers of names are their places in `:numbered`, from 0.
_EVENTS = """
    SELECT string_agg(timestamptz_send(occurred_at), ''),
        string_agg(int2send(CAST(number - 1 AS smallint)), '')
    FROM enrich.events
    JOIN unnest(CAST(:numbered AS text[])) WITH ORDINALITY AS numbered (called, number) ON called = name
    WHERE {where}
    GROUP BY person
    HAVING bool_or(name = :anchor AND occurred_at >= :anchor_start AND occurred_at < :anchor_end)
"""


class PostgresPaths:
    """Answers paths; see `BehaviourConnections` for what is raised."""

    def __init__(self, connections: BehaviourConnections) -> None:
        self._connections = connections

    async def table(self, query: PathsQuery, limit: int) -> tuple[PathTable, Reading]:
        """The paths, from `limit` events at most; from all if that is 0. Counts are of the sample."""
        async with self._connections.open() as connection:
            stored = await connection.rows(
                STORED_NAMES,
                {"app_id": query.app_id, "start": query.read_from, "end": query.read_until},
            )
            names = sorted({name for (name,) in stored} - query.exclude)
            tally = PathTally(
                names,
                query.anchor,
                start=microseconds(query.start - POSTGRES_EPOCH),
                end=microseconds(query.end - POSTGRES_EPOCH),
                gap=microseconds(query.gap),
                depth=query.depth,
                is_backward=query.is_backward,
            )
            reading = await connection.reading([query.span], limit)
            statement, parameters = paths_statement(query, names, reading)
            async for block in connection.blocks(statement, parameters):
                await asyncio.to_thread(_add, tally, block)
        return await asyncio.to_thread(tally.table), reading


def paths_statement(
    query: PathsQuery, names: Sequence[str], reading: Reading
) -> tuple[str, dict[str, object]]:
    """One row for each person who has an anchor: the times of their events, 8 bytes each, and the numbers of
    their names, 2 bytes each, in the same order."""
    statement = _EVENTS.format(where=where(query.span, reading))
    return statement, parameters_of(query.span, reading) | {
        "numbered": list(names),
        "anchor": query.anchor,
        "anchor_start": query.start,
        "anchor_end": query.end,
    }


def _add(tally: PathTally, block: Sequence[tuple[Any, ...]]) -> None:
    for times, names in block:
        tally.add(packed_keys(times, names))
