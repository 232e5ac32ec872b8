"""Cohorts from Postgres: entries from members or events, and activity from members or events."""

from dataclasses import replace
from datetime import datetime, timedelta

from libs.common.errors import LimitExceeded
from services.aggregate.behaviour.cohorts.model import CohortRow, CohortsQuery, Entry
from services.aggregate.behaviour.model import Reading
from services.aggregate.behaviour.people.model import MAX_PEOPLE, People
from services.aggregate.behaviour.postgres import (
    BehaviourConnection,
    BehaviourConnections,
    parameters_of,
    rule_condition,
    value_expression,
    where,
)
from services.aggregate.behaviour.sampling import below

MAX_ROWS = 50_000
# The members of the built-in rollup `activity`, whose buckets are days: one row for a person and a day.
# Periods are worked out once for each day, and not for each member.
_MEMBERS = """
    days AS MATERIALIZED (
        SELECT cell_id, bucket, date_trunc(:unit, bucket, 'UTC') AS active FROM aggregate.cells
        WHERE app_id = :app_id AND rollup = 'activity'
    ), members AS (
        SELECT member AS person, bucket, active FROM days JOIN aggregate.members USING (cell_id)
        WHERE metric = 'active_users' {sample}
    )
"""
_IN_SAMPLE = 'AND member COLLATE "C" < :below_text'
_COUNT_MEMBERS = """
    SELECT coalesce(sum(count), 0) FROM aggregate.cells JOIN aggregate.measures USING (cell_id)
    WHERE cells.app_id = :app_id AND rollup = 'activity' AND metric = 'active_users'
"""
# A member is the text of what is a UUID in events.
_PERSON_OF_EVENT = "encode(uuid_send(person), 'hex')"
# By being active first: both from one pass.
_ACTIVE_FIRST = """
    joined AS (
        SELECT person, active, min(active) OVER (PARTITION BY person) AS cohort,
            CAST(NULL AS text) AS value, false AS is_other
        FROM active
    ), placed AS (SELECT * FROM joined WHERE active = cohort)
"""
_ENTERED = """
    entered AS (
        SELECT person, date_trunc(:unit, entry_at, 'UTC') AS cohort, value FROM entries
        WHERE entry_at >= :first AND entry_at < :past
    ), top AS (
        SELECT value FROM entered GROUP BY value ORDER BY count(*) DESC, value LIMIT :max_values
    ), placed AS (
        SELECT person, cohort, CASE WHEN top.value IS NOT NULL THEN entered.value END AS value,
            entered.value IS NOT NULL AND top.value IS NULL AS is_other
        FROM entered LEFT JOIN top ON top.value = entered.value
    ), joined AS (
        SELECT person, cohort, value, is_other, active FROM placed JOIN active USING (person)
        WHERE active >= cohort
    )
"""
_COUNTS = """
    SELECT cohort, value, is_other, CAST(NULL AS timestamptz), count(*), (SELECT max(active) FROM active)
    FROM placed WHERE cohort >= :first AND cohort < :past GROUP BY 1, 2, 3
    UNION ALL
    SELECT cohort, value, is_other, active, count(*), NULL
    FROM {counted} AS counted WHERE cohort >= :first AND cohort < :past {offsets} GROUP BY 1, 2, 3, 4
    LIMIT :max_rows
"""
_PEOPLE = """
    SELECT DISTINCT CAST(person AS uuid) FROM joined
    WHERE cohort = :cell_cohort AND active = :cell_active AND NOT is_other
        AND CAST(value AS jsonb) IS NOT DISTINCT FROM CAST(CAST(:cell_value AS text) AS jsonb)
    ORDER BY 1 LIMIT :max_people
"""
_LAST = """(
    SELECT person, cohort, value, is_other, max(active) AS active FROM joined GROUP BY 1, 2, 3, 4
)"""
_AT_OFFSETS = "AND active - cohort = ANY(CAST(:days AS interval[]))"


class PostgresCohorts:
    """Answers cohorts; see `BehaviourConnections` for what is raised."""

    def __init__(self, connections: BehaviourConnections) -> None:
        self._connections = connections

    async def rows(
        self, query: CohortsQuery, limit: int, one_in: int | None = None
    ) -> tuple[list[CohortRow], datetime | None, Reading]:
        """The counts, the newest period in which anyone was active, None if there is none, and how they were
        read: from `limit` events and members at most, from all if that is 0; of one in `one_in` people if
        that is known already. Counts are of the sample.

        Raises LimitExceeded for more than MAX_ROWS counts.
        """
        async with self._connections.open() as connection:
            reading = await _reading(connection, query, limit if one_in is None else 0)
            if one_in is not None:
                reading = replace(reading, one_in=one_in)
            statement, parameters = cohorts_statement(query, reading)
            rows: list[CohortRow] = []
            newest: datetime | None = None
            async for block in connection.blocks(statement, parameters):
                rows += [CohortRow(*row[:5]) for row in block]
                newest = max((row[5] for row in block if row[5] is not None), default=newest)
        if len(rows) > MAX_ROWS:
            raise LimitExceeded(
                f"the answer would have more than {MAX_ROWS} numbers: ask for a shorter time, a longer"
                " period or fewer values",
                limit="max_rows",
                value=MAX_ROWS,
            )
        return rows, newest, reading

    async def people(
        self, query: CohortsQuery, start: datetime, active: datetime, value: str | None, limit: int
    ) -> People:
        """The people of the cohort that begins at `start` and has this value, the text of JSON, who were
        active in the period that begins at `active`; those with the smallest ids first. Their time is not
        said."""
        async with self._connections.open() as connection:
            reading = await _reading(connection, query, limit)
            tables, parameters = _tables(query, reading)
            rows = await connection.rows(
                f"{tables} {_PEOPLE}",
                parameters
                | {
                    "cell_cohort": start,
                    "cell_active": active,
                    "cell_value": value,
                    "max_people": MAX_PEOPLE + 1,
                },
            )
        people = [person for (person,) in rows]
        is_cut = len(people) > MAX_PEOPLE
        return People(people[:MAX_PEOPLE], active, active, reading.one_in, is_cut)


async def _reading(connection: BehaviourConnection, query: CohortsQuery, limit: int) -> Reading:
    members = 0
    if limit and _reads_members(query):
        found = await connection.rows(_COUNT_MEMBERS, {"app_id": query.app_id})
        members = int(found[0][0])
    spans = [span for span in (query.entry_span, query.active_span) if span is not None]
    return await connection.reading(spans, limit, members)


def cohorts_statement(query: CohortsQuery, reading: Reading) -> tuple[str, dict[str, object]]:
    """Rows of CohortRow, and the newest period with activity in those that have no `active`."""
    tables, parameters = _tables(query, reading)
    exactly_on_days = query.days and not query.on_or_after
    if exactly_on_days:
        parameters["days"] = [timedelta(days=day) for day in query.days]
    parameters["max_rows"] = MAX_ROWS + 1
    counts = _COUNTS.format(
        counted=_LAST if query.on_or_after else "joined",
        offsets=_AT_OFFSETS if exactly_on_days else "",
    )
    return f"{tables} {counts}", parameters


def _tables(query: CohortsQuery, reading: Reading) -> tuple[str, dict[str, object]]:
    """`active`, `placed` and `joined`: who was active when, who is in which cohort, and both together."""
    parameters: dict[str, object] = {
        "app_id": query.app_id,
        "unit": str(query.unit),
        "first": query.first,
        "past": query.past,
    }
    tables = []
    reads_members = _reads_members(query)
    if reads_members:
        tables.append(_MEMBERS.format(sample=_IN_SAMPLE if reading.one_in > 1 else ""))
    if reading.one_in > 1:
        bound = below(reading.one_in)
        assert bound is not None
        parameters |= {"below": bound, "below_text": bound.hex}
    person = _PERSON_OF_EVENT if reads_members else "person"
    tables.append(f"active AS ({_active(query, reading, person, parameters)})")
    if query.entry is None and query.active is None:
        tables.append(_ACTIVE_FIRST)
    else:
        tables += [f"entries AS ({_entries(query, reading, person, parameters)})", _ENTERED]
        parameters["max_values"] = query.max_values
    return f"WITH {', '.join(tables)}", parameters


def _reads_members(query: CohortsQuery) -> bool:
    return query.entry is None or query.active is None


def _active(
    query: CohortsQuery, reading: Reading, person: str, parameters: dict[str, object]
) -> str:
    span = query.active_span
    if query.active is None or span is None:
        return "SELECT DISTINCT person, active FROM members"
    condition, of_rule = rule_condition(query.active, "active_rule")
    parameters |= parameters_of(span, reading, "active_") | of_rule
    return (
        f"SELECT DISTINCT {person} AS person, date_trunc(:unit, occurred_at, 'UTC') AS active"
        f" FROM enrich.events WHERE {where(span, reading, 'active_')} AND {condition}"
    )


def _entries(
    query: CohortsQuery, reading: Reading, person: str, parameters: dict[str, object]
) -> str:
    span = query.entry_span
    if query.entry is None or span is None:
        return (
            "SELECT person, min(bucket) AS entry_at, CAST(NULL AS text) AS value FROM members"
            " GROUP BY person"
        )
    condition, value, of_entry = _entry_condition(query.entry)
    parameters |= parameters_of(span, reading, "entry_") | of_entry
    return (
        f"SELECT {person} AS person, min(occurred_at) AS entry_at, {value} AS value"
        f" FROM enrich.events WHERE {where(span, reading, 'entry_')} AND {condition} GROUP BY person"
    )


def _entry_condition(entry: Entry) -> tuple[str, str, dict[str, object]]:
    """Which events are entries, and what divides people."""
    condition, parameters = rule_condition(entry.rule, "entry_rule")
    if entry.field is None:
        return condition, "CAST(NULL AS text)", parameters
    expression, of_value = value_expression(entry.field, "entry_path")
    first = f"(array_agg({expression} ORDER BY occurred_at, event_uuid))[1]"
    return f"{condition} AND {expression} IS NOT NULL", first, parameters | of_value
