"""The SQL that finds selected events along an index, in the order of time, and reads so many at most.

A filter that finds little would otherwise read everything in one statement. So the index gives at most
`:reach` events, and the last of these is a row of the answer even if the filter does not find it: it says
how far the answer goes.
"""

from libs.events.access import Access
from libs.events.columns import COLUMNS
from libs.events.filtering.compile import Condition

_KEY = ("occurred_at", "event_uuid", "retention_class")
NAMES = ", ".join(column.name for column in COLUMNS)
# JSON as text: its size is known before it is read.
_READ = ", ".join(
    f"CAST({column.name} AS text) AS {column.name}" if column.type == "jsonb" else column.name
    for column in COLUMNS
)
# The inner orders are what lets the outer one stop when the page is full, instead of sorting again.
_REACHED = """
    SELECT {selected}, place = :reach AS is_last FROM (
        SELECT *, row_number() OVER () AS place FROM ({rows}) AS in_order
        ORDER BY {order}
    ) AS reached
    WHERE ({condition}) OR place = :reach
    ORDER BY {order} LIMIT :limit
"""
_ROWS = f"""
    SELECT {NAMES} FROM enrich.events
    WHERE app_id = :app_id AND occurred_at >= :start AND occurred_at < :end
    AND {{access}} {{after}}
    ORDER BY {{order}} LIMIT :reach
"""
# Of several branches, each along its index.
_EITHER = "SELECT * FROM ({branches}) AS either ORDER BY {order} LIMIT :reach"
# Each name's events come from the index in the order of time; the newest of all names are wanted.
_OF_EACH_NAME = """
    SELECT found.* FROM unnest(CAST(:names AS text[])) AS wanted (name)
    CROSS JOIN LATERAL ({reached}) AS found
    ORDER BY {order} LIMIT :limit
"""
_AFTER = """
    AND occurred_at {comparator}= :after_time
    AND (occurred_at, event_uuid, retention_class)
        {comparator} (:after_time, CAST(:after_uuid AS uuid), :after_class)
"""
# From one name to the next one along the index, instead of through all events.
STORED_NAMES = """
    WITH RECURSIVE stored AS (
        (SELECT name FROM enrich.events
         WHERE app_id = :app_id AND occurred_at >= :start AND occurred_at < :end
         ORDER BY name LIMIT 1)
        UNION ALL
        SELECT (SELECT name FROM enrich.events
                WHERE app_id = :app_id AND occurred_at >= :start AND occurred_at < :end
                AND name > stored.name
                ORDER BY name LIMIT 1)
        FROM stored WHERE stored.name IS NOT NULL
    )
    SELECT name FROM stored WHERE name IS NOT NULL
"""
# Of one transaction. Without these limits to the planner it would rather read all partitions and sort.
SETTINGS = """
    SELECT set_config('statement_timeout', :timeout, true), set_config('timezone', 'UTC', true),
           set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
           set_config('enable_sort', 'off', true), set_config('jit', 'off', true)
"""


def events_statement(
    access: Access | None, condition: Condition, *, descending: bool, after: bool
) -> str:
    """Events with the columns of `COLUMNS`, JSON as text, then `found`, whether the condition holds, and
    `is_last`. Along the index of `access`, or without it those of `:names`."""
    selected = f"{_READ}, ({condition.sql}) IS TRUE AS found"
    return _statement(selected, access, condition.sql, descending=descending, after=after)


def lines_statement(line: str, access: Access | None, condition: Condition, *, after: bool) -> str:
    """Lines, null if the condition does not hold, then the place of the event, `is_last`; oldest first."""
    encoded = f"convert_to({line}, 'UTF8')"
    if condition.sql != "true":
        encoded = f"CASE WHEN {condition.sql} THEN {encoded} END"
    selected = f"{encoded} AS line, {', '.join(_KEY)}"
    return _statement(selected, access, condition.sql, descending=False, after=after)


def _statement(
    selected: str, access: Access | None, condition: str, *, descending: bool, after: bool
) -> str:
    order = ", ".join(f"{column} DESC" if descending else column for column in _KEY)
    behind = _AFTER.format(comparator="<" if descending else ">") if after else ""
    rows = [
        _ROWS.format(access=branch, after=behind, order=order)
        for branch in (access.branches if access else ("events.name = wanted.name",))
    ]
    if len(rows) > 1:
        branches = " UNION ALL ".join(f"({branch})" for branch in rows)
        rows = [_EITHER.format(branches=branches, order=order)]
    reached = _REACHED.format(selected=selected, rows=rows[0], order=order, condition=condition)
    return reached if access else _OF_EACH_NAME.format(reached=reached, order=order)
