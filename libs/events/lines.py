"""Events as lines of a file: SQL that makes a line of the published columns, in their order.

Postgres makes the text, so that a reader only joins bytes. Times are ISO 8601 with `+00:00`, in a session
whose time zone is UTC. An event whose id is its UUID has that as its `event_id`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from libs.common.formulas import FORMULA_STARTS
from libs.events.columns import COLUMNS, EventColumn

_FORMULA_STARTS = ", ".join(f"chr({ord(start)})" for start in FORMULA_STARTS)
_NEWLINE = "chr(10)"

# The columns of a file, and the SQL of their values.
Values = Mapping[EventColumn, str]
ALL_VALUES: Values = {column: column.name for column in COLUMNS} | {
    column: "coalesce(event_id, CAST(event_uuid AS text))"
    for column in COLUMNS
    if column.name == "event_id"
}


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a file is written: its first line, and the SQL of the other lines, whose parameters are named
    `:name`."""

    header: bytes
    line: str
    parameters: Mapping[str, object] = field(default_factory=dict)


def json_lines(values: Values, parameters: Mapping[str, object]) -> FileForm:
    """One object a line, with every column."""
    named = ", ".join(f"{value} AS {column.name}" for column, value in values.items())
    line = f"(SELECT CAST(row_to_json(line) AS text) FROM (SELECT {named}) AS line) || {_NEWLINE}"
    return FileForm(b"", line, parameters)


def csv_lines(values: Values, parameters: Mapping[str, object]) -> FileForm:
    """Texts in quotes; one that a spreadsheet would take for a formula begins with a `'`."""
    fields = ", chr(44), ".join(_csv_field(column, value) for column, value in values.items())
    header = ",".join(column.name for column in values) + "\n"
    return FileForm(header.encode(), f"concat({fields}, {_NEWLINE})", parameters)


def _csv_field(column: EventColumn, value: str) -> str:
    """A field as RFC 4180 has it; nothing, not even quotes, if the value is null."""
    match column.type:
        case "uuid":
            return value
        case "timestamp with time zone":
            return f"to_json({value}) #>> '{{}}'"
        case "boolean":
            return f"CAST({value} AS text)"
        case "jsonb":
            # Begins with a brace.
            return f"""'"' || replace(CAST({value} AS text), '"', '""') || '"'"""
        case _:
            guard = f"CASE WHEN left({value}, 1) IN ({_FORMULA_STARTS}) THEN '''' ELSE '' END"
            return f"""'"' || {guard} || replace({value}, '"', '""') || '"'"""


JSON_LINES = json_lines(ALL_VALUES, {})
CSV = csv_lines(ALL_VALUES, {})
