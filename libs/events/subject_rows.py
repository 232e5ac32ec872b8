"""All stored events of one person, whether they name the person or are anonymized, and their sessions. Pure:
makes statements, for `libs.stores.json_rows`. `libs.events.parquet` finds what of it is in the archive."""

from collections.abc import Mapping

from libs.common.subject_data import Export
from libs.events.lines import ALL_VALUES
from libs.events.person import OWNED, person_values

_OF_PERSON = f"""
    app_id = %(app_id)s AND received_at < %(until)s
    AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s)) AND {OWNED}
"""
_VALUES = ", ".join(
    f"{value} AS {column.name}" for column, value in ALL_VALUES.items() if column.name != "person"
)
# All columns but `person`, which is a pseudonym for numbers.
EVENTS = f"""
    SELECT {_VALUES} FROM enrich.events WHERE {_OF_PERSON}
    ORDER BY occurred_at, event_uuid, retention_class
"""
# With those of events that are kept elsewhere: all of a session is one row.
SESSIONS = f"""
    SELECT session_id, coalesce(min(started_at), min(first_at)) AS started_at,
           max(last_at) AS last_event_at, CAST(sum(events) AS bigint) AS events
    FROM (
        SELECT session_id, session_started_at AS started_at, occurred_at AS first_at,
               occurred_at AS last_at, 1 AS events
        FROM enrich.events WHERE {_OF_PERSON} AND session_id IS NOT NULL
        UNION ALL
        SELECT * FROM unnest(
            %(session_ids)s::text[], %(starts)s::timestamptz[], %(firsts)s::timestamptz[],
            %(lasts)s::timestamptz[], %(counts)s::bigint[]
        )
    ) AS part
    GROUP BY session_id ORDER BY 2, 1
"""
# Of those that may still be remembered as being under way.
RECENT_SESSIONS = f"""
    SELECT DISTINCT session_id FROM enrich.events
    WHERE {_OF_PERSON} AND session_id IS NOT NULL AND received_at >= %(since)s ORDER BY 1
"""


def of_person(export: Export) -> Mapping[str, object]:
    """The parameters of these statements."""
    subject = export.subject
    return {
        "app_id": subject.app_id,
        "until": export.received_before,
        "names": None if export.names is None else list(export.names),
        **person_values(subject),
    }
