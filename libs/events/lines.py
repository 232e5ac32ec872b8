"""Events as lines of a file: SQL that makes a line of the published columns, in their order.

Postgres makes the text, so that a reader only joins bytes. Times are ISO 8601 with `+00:00`, in a session
whose time zone is UTC. An event whose id is its UUID has that as its `event_id`.
"""

from libs.events.columns import COLUMNS, EventColumn

# What spreadsheets take for a formula (OWASP, CSV injection): = + - @, tab, carriage return.
_FORMULA_STARTS = "'=', '+', '-', '@', chr(9), chr(13)"
_EVENT_ID = "coalesce(event_id, CAST(event_uuid AS text))"
_NEWLINE = "chr(10)"


def _value(column: EventColumn) -> str:
    return _EVENT_ID if column.name == "event_id" else column.name


def _csv_field(column: EventColumn) -> str:
    """A field as RFC 4180 has it; nothing, not even quotes, if the column is null."""
    value = _value(column)
    match column.type:
        case "uuid":
            return value
        case "timestamp with time zone":
            return f"to_json({value}) #>> '{{}}'"
        case "jsonb":
            # Begins with a brace.
            return f"""'"' || replace(CAST({value} AS text), '"', '""') || '"'"""
        case _:
            guard = f"CASE WHEN left({value}, 1) IN ({_FORMULA_STARTS}) THEN '''' ELSE '' END"
            return f"""'"' || {guard} || replace({value}, '"', '""') || '"'"""


# One object a line, with every column.
JSON_LINE = (
    "(SELECT CAST(row_to_json(line) AS text) FROM (SELECT "
    + ", ".join(f"{_value(column)} AS {column.name}" for column in COLUMNS)
    + f") AS line) || {_NEWLINE}"
)
# Texts in quotes; one that a spreadsheet would take for a formula begins with a `'`.
CSV_LINE = f"concat({', chr(44), '.join(map(_csv_field, COLUMNS))}, {_NEWLINE})"
CSV_HEADER = (",".join(column.name for column in COLUMNS) + "\n").encode()
