"""Reading behaviour from Postgres: connections with limits, and how many events there are to read."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.events.filtering.fields import Field, FieldType
from libs.events.selection_postgres import driver_text
from libs.stores.postgres import driver_connection, read_within
from services.aggregate.behaviour.model import EventRule, Reading, Span
from services.aggregate.behaviour.sampling import ROW_COST, below, one_in

# Where Postgres counts times from.
POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# No parallel workers: they would be taken from those who store (ADR 30). Cursors are read to their end.
_SETTINGS = """
    SELECT set_config('statement_timeout', :timeout, true), set_config('timezone', 'UTC', true),
           set_config('work_mem', '64MB', true), set_config('max_parallel_workers_per_gather', '0', true),
           set_config('cursor_tuple_fraction', '1', true), set_config('jit', 'off', true),
           pg_is_in_recovery()
"""
# The condition of `ix_events_without_person`.
_WITHOUT_PERSON = """
    SELECT EXISTS (SELECT FROM enrich.events
        WHERE app_id = :app_id AND occurred_at >= :start AND occurred_at < :until
            AND person IS NULL AND (subject_id IS NOT NULL OR anonymous_id IS NOT NULL))
"""
_GROUP_IN_ORDER = "SELECT set_config('enable_hashagg', 'off', true)"
_PEOPLE_AT_ONCE = 2_000
# Of a value by which people are divided; a longer text is cut.
_VALUE_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class BehaviourConnection:
    """A connection in a transaction with limits."""

    _connection: AsyncConnection[Any]
    is_replica: bool

    async def reading(self, spans: Sequence[Span], limit: int, others: int = 0) -> Reading:
        """How many people to sample so that at most `limit` events of all spans, and `others`, are read; a
        `limit` of 0: all of them."""
        lacks_events = await self._lacks_events(spans)
        if not limit:
            return Reading(1, self.is_replica, lacks_events)
        events = others
        for span in spans:
            events += await self._expected(span) * (ROW_COST if span.reads_rows else 1)
        return Reading(one_in(events, limit), self.is_replica, lacks_events)

    async def _lacks_events(self, spans: Sequence[Span]) -> bool:
        """Whether there are events without their person, of any name: then an index is not empty that is
        so as soon as `enrich.fill_person` is done."""
        for span in spans:
            parameters = {"app_id": span.app_id, "start": span.start, "until": span.end}
            [[found]] = await self.rows(_WITHOUT_PERSON, parameters)
            if found:
                return True
        return False

    async def _expected(self, span: Span) -> int:
        """How many events the planner expects, from the statistics of each partition."""
        statement = f"EXPLAIN (FORMAT JSON) SELECT 1 FROM enrich.events WHERE {where(span, None)}"
        [[[plan]]] = await self.rows(statement, parameters_of(span, None))
        return int(plan["Plan"]["Plan Rows"])

    async def group_in_order(self) -> None:
        """Makes the statements that follow group people one after the other, as the index has them, and not
        in a hash table, in which each text that grows takes a kilobyte, so that it spills."""
        await self.rows(_GROUP_IN_ORDER, {})

    async def rows(
        self, statement: str, parameters: Mapping[str, object]
    ) -> Sequence[tuple[Any, ...]]:
        """All rows of a short answer."""
        cursor = await self._connection.execute(driver_text(statement), parameters)
        return await cursor.fetchall()

    async def blocks(
        self, statement: str, parameters: Mapping[str, object]
    ) -> AsyncIterator[Sequence[tuple[Any, ...]]]:
        """The rows of a long answer, some at a time, as the driver reads them in binary."""
        async with self._connection.cursor(name="people", binary=True) as cursor:
            await cursor.execute(driver_text(statement), parameters)
            while block := await cursor.fetchmany(_PEOPLE_AT_ONCE):
                yield block


class BehaviourConnections:
    """Connections of `engine`, which may lead to a replica, for statements of `statement_seconds`."""

    def __init__(self, engine: AsyncEngine, statement_seconds: float) -> None:
        self._engine = engine
        self._seconds = statement_seconds

    @asynccontextmanager
    async def open(self) -> AsyncIterator[BehaviourConnection]:
        """One, in a read-only transaction. Raises DeadlineExceeded if a statement takes longer, Unavailable
        if Postgres is away."""
        timeout = {"timeout": str(round(self._seconds * 1_000))}
        limit = read_within(
            self._seconds,
            setting="behaviour_statement_seconds",
            advice="ask for a shorter time or for fewer events, or without `exact`",
        )
        with limit:
            async with self._engine.connect() as outer:
                connection = await driver_connection(outer)
                cursor = await connection.execute(driver_text(_SETTINGS), timeout)
                row = await cursor.fetchone()
                assert row is not None
                yield BehaviourConnection(connection, is_replica=row[-1])


def where(span: Span, reading: Reading | None, prefix: str = "") -> str:
    """The condition that finds the events of a span that have a person, if there is a `reading` those of its
    sample. `parameters_of` has the parameters, whose names begin with `prefix`."""
    parts = ["app_id = :app_id", "person IS NOT NULL"]
    if span.names is not None:
        parts.append(f"name = ANY(CAST(:{prefix}names AS text[]))")
    parts.append(f"occurred_at >= :{prefix}start AND occurred_at < :{prefix}until")
    if reading is not None and reading.one_in > 1:
        parts.append("person < CAST(:below AS uuid)")
    return " AND ".join(parts)


def parameters_of(span: Span, reading: Reading | None, prefix: str = "") -> dict[str, object]:
    """The parameters of `where`."""
    found: dict[str, object] = {
        "app_id": span.app_id,
        f"{prefix}start": span.start,
        f"{prefix}until": span.end,
    }
    if span.names is not None:
        found[f"{prefix}names"] = list(span.names)
    if reading is not None and reading.one_in > 1:
        found["below"] = below(reading.one_in)
    return found


def rule_condition(rule: EventRule, names: str) -> tuple[str, dict[str, object]]:
    """A rule as a condition with its parameters; `names` is the name of the one that has the names."""
    if len(rule.names) == 1:
        by_name, value = f"name = :{names}", rule.names[0]
        parameters: dict[str, object] = {names: value}
    else:
        by_name = f"name = ANY(CAST(:{names} AS text[]))"
        parameters = {names: list(rule.names)}
    if not rule.reads_rows:
        return by_name, parameters
    return f"({by_name} AND {rule.condition.sql})", parameters | dict(rule.condition.parameters)


def value_expression(field: Field, path: str) -> tuple[str, dict[str, object]]:
    """The value of a field as the text of JSON, null if there is none; equal numbers are one text, long texts
    are cut, and long objects and lists are an ellipsis. `path` is the name of a parameter."""
    if field.type is FieldType.JSON:
        stored = f"({field.sql} #> CAST(:{path} AS text[]))"
        # jsonb keeps the digits that were sent: 1.0 is another text than 1.
        value = (
            f"(CASE WHEN jsonb_typeof({stored}) = 'number'"
            f" THEN to_jsonb(trim_scale(CAST({stored} AS numeric))) ELSE {stored} END)"
        )
        parameters: dict[str, object] = {path: list(field.path)}
    else:
        value, parameters = f"to_jsonb({field.sql})", {}
    text = f"({value} #>> '{{}}')"
    n = _VALUE_CHARACTERS
    return (
        f"CAST(CASE WHEN coalesce(jsonb_typeof({value}), 'null') = 'null' THEN NULL"
        f" WHEN length({text}) <= {n} THEN {value}"
        f" WHEN jsonb_typeof({value}) = 'string' THEN to_jsonb(left({text}, {n - 1}) || '…')"
        f" ELSE to_jsonb(CAST('…' AS text)) END AS text)",
        parameters,
    )
