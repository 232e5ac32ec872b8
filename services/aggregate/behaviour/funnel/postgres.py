"""Funnels from Postgres: it collects the times of each step by person, and a thread walks through them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from services.aggregate.behaviour.convert import microseconds
from services.aggregate.behaviour.funnel.model import FunnelPart, FunnelQuery, FunnelTable
from services.aggregate.behaviour.funnel.tally import FunnelTally
from services.aggregate.behaviour.funnel.walk import reached, reached_in_any_order, times_of
from services.aggregate.behaviour.model import Reading
from services.aggregate.behaviour.people.model import MAX_PEOPLE, People
from services.aggregate.behaviour.postgres import (
    POSTGRES_EPOCH,
    BehaviourConnections,
    parameters_of,
    rule_condition,
    value_expression,
    where,
)

_ENTERED = "occurred_at < :end"


class PostgresFunnels:
    """Answers funnels; see `BehaviourConnections` for what is raised."""

    def __init__(self, connections: BehaviourConnections) -> None:
        self._connections = connections

    async def stopped(self, query: FunnelQuery, steps: int, limit: int) -> People:
        """The people who reached so many steps and no more, those with the smallest ids first."""
        found: list[UUID] = []
        async with self._connections.open() as connection:
            reading = await connection.reading([part.span for part in query.parts], limit)
            await connection.group_in_order()
            statement, parameters = funnel_statement(query, reading, of_person=True)
            async for block in connection.blocks(statement, parameters):
                found += await asyncio.to_thread(_stopped, query, steps, block)
        found.sort()
        return People(
            found[:MAX_PEOPLE],
            query.start,
            query.read_until,
            reading.one_in,
            len(found) > MAX_PEOPLE,
        )

    async def table(self, query: FunnelQuery, limit: int) -> tuple[FunnelTable, Reading]:
        """The funnel, from `limit` events at most; from all if that is 0. Counts are of the sample."""
        tally = FunnelTally(len(query.steps))
        async with self._connections.open() as connection:
            reading = await connection.reading([part.span for part in query.parts], limit)
            await connection.group_in_order()
            statement, parameters = funnel_statement(query, reading)
            async for block in connection.blocks(statement, parameters):
                await asyncio.to_thread(_add, tally, query, block)
        groups = 0 if query.breakdown is None else query.max_groups
        return await asyncio.to_thread(tally.table, groups), reading


def _walk(query: FunnelQuery) -> Callable[[Sequence[bytes | None]], list[int]]:
    """When a person with these times first reached each step."""
    window = microseconds(query.window)
    if query.in_order:
        return lambda times: reached([times_of(one) for one in times], window)
    end = microseconds(query.end - POSTGRES_EPOCH)
    return lambda times: reached_in_any_order([times_of(one) for one in times], window, end)


def funnel_statement(
    query: FunnelQuery, reading: Reading, *, of_person: bool = False
) -> tuple[str, dict[str, object]]:
    """One row for each person who entered: their value, or with `of_person` themselves, and for each step the
    times of its events, 8 bytes each."""
    parameters: dict[str, object] = {"end": query.end}
    tables, entered = [], []
    for number, part in enumerate(query.parts):
        name = f"part{number}"
        statement, of_part = _part_statement(query, part, reading, f"{name}_")
        tables.append(f"({statement}) AS {name}")
        parameters |= of_part
        if any(map(query.is_entry, part.steps)):
            entered.append(f"{name}.entered")
    value = "value" if query.breakdown is not None else "CAST(NULL AS text)"
    columns = ["person" if of_person else value, *map(_times, range(len(query.steps)))]
    source = tables[0] if len(tables) == 1 else f"{' FULL JOIN '.join(tables)} USING (person)"
    return (
        f"SELECT {', '.join(columns)} FROM {source} WHERE {' OR '.join(entered)}",
        parameters,
    )


def _part_statement(
    query: FunnelQuery, part: FunnelPart, reading: Reading, prefix: str
) -> tuple[str, dict[str, object]]:
    """One row for each person with an event of these steps: the times of each of them; with steps by which
    people enter, whether they did; in the part that reads rows, the value of the breakdown."""
    parameters = parameters_of(part.span, reading, prefix)
    columns = ["person"]
    conditions, entries = [], []
    for number in part.steps:
        condition, of_rule = rule_condition(query.steps[number], f"names{number}")
        parameters |= of_rule
        conditions.append(condition)
        if query.is_entry(number):
            entries.append(condition)
        if query.in_order and number == 0:
            condition = f"{condition} AND {_ENTERED}"
        columns.append(
            f"string_agg(timestamptz_send(occurred_at), '') FILTER (WHERE {condition})"
            f" AS {_times(number)}"
        )
    if entries:
        entered = f"({' OR '.join(entries)}) AND {_ENTERED}"
        columns.append(f"bool_or({entered}) AS entered")
        if query.breakdown is not None:
            expression, of_value = value_expression(query.breakdown, "breakdown")
            parameters |= of_value
            columns.append(
                f"(array_agg({expression} ORDER BY occurred_at, event_uuid) FILTER (WHERE {entered}))[1]"
                " AS value"
            )
    return (
        f"SELECT {', '.join(columns)} FROM enrich.events"
        f" WHERE {where(part.span, reading, prefix)} AND ({' OR '.join(conditions)}) GROUP BY person",
        parameters,
    )


def _times(step: int) -> str:
    return f"times{step}"


def _add(tally: FunnelTally, query: FunnelQuery, block: Sequence[tuple[Any, ...]]) -> None:
    walk = _walk(query)
    for value, *times in block:
        tally.add(value, walk(times))


def _stopped(query: FunnelQuery, steps: int, block: Sequence[tuple[Any, ...]]) -> list[UUID]:
    walk = _walk(query)
    return [person for person, *times in block if len(walk(times)) == steps]
