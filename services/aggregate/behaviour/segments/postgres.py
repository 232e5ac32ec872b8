"""Segments from Postgres: events of the rules are counted by person, beside all who were active."""

from services.aggregate.behaviour.model import Reading
from services.aggregate.behaviour.postgres import (
    BehaviourConnections,
    parameters_of,
    rule_condition,
    value_expression,
    where,
)
from services.aggregate.behaviour.segments.model import CountedPeople, SegmentQuery

_COUNTS = """
    WITH active AS ({active}), done AS (
        SELECT person, {counts} FROM enrich.events WHERE {where} GROUP BY person
    ), found AS (
        SELECT active.value FROM active LEFT JOIN done USING (person) WHERE {rules}
    ), groups AS (
        SELECT value, count(*) AS people FROM found GROUP BY value
        ORDER BY people DESC, value IS NULL, value LIMIT :max_groups
    )
    SELECT (SELECT count(*) FROM active), (SELECT count(*) FROM found), false, NULL, NULL
    UNION ALL SELECT NULL, NULL, true, value, people FROM groups
"""
_ACTIVE = "SELECT DISTINCT person, CAST(NULL AS text) AS value FROM enrich.events WHERE {where}"
_LAST_VALUES = """
    SELECT DISTINCT ON (person) person, {value} AS value FROM enrich.events WHERE {where}
    ORDER BY person, occurred_at DESC, event_uuid DESC
"""


class PostgresSegments:
    """Answers segments; see `BehaviourConnections` for what is raised."""

    def __init__(self, connections: BehaviourConnections) -> None:
        self._connections = connections

    async def counted(self, query: SegmentQuery, limit: int) -> tuple[CountedPeople, Reading]:
        """The segment, from `limit` events at most; from all if that is 0. Counts are of the sample."""
        async with self._connections.open() as connection:
            reading = await connection.reading([query.active_span, query.rule_span], limit)
            statement, parameters = segment_statement(query, reading)
            rows = await connection.rows(statement, parameters)
        [(active, people)] = [row[:2] for row in rows if not row[2]]
        groups = [(value, count) for _, _, is_group, value, count in rows if is_group]
        groups.sort(key=lambda group: (-group[1], group[0] is None, group[0]))
        return CountedPeople(active, people, groups if query.breakdown else ()), reading


def segment_statement(query: SegmentQuery, reading: Reading) -> tuple[str, dict[str, object]]:
    """One row with the people who were active and those of the segment, and one for each of the largest
    groups."""
    span = query.rule_span
    parameters = parameters_of(span, reading) | parameters_of(query.active_span, reading, "active_")
    parameters["max_groups"] = query.max_groups
    active = _ACTIVE
    value = ""
    if query.breakdown is not None:
        active = _LAST_VALUES
        value, of_value = value_expression(query.breakdown, "breakdown")
        parameters |= of_value
    counts, rules = [], []
    for number, rule in enumerate(query.rules):
        condition, of_rule = rule_condition(rule.events, f"rule{number}")
        counts.append(f"count(*) FILTER (WHERE {condition}) AS count{number}")
        rules.append(f"coalesce(count{number}, 0) {rule.comparison} :times{number}")
        parameters |= of_rule | {f"times{number}": rule.times}
    statement = _COUNTS.format(
        active=active.format(where=where(query.active_span, reading, "active_"), value=value),
        counts=", ".join(counts),
        where=where(span, reading),
        rules=" AND ".join(rules),
    )
    return statement, parameters
