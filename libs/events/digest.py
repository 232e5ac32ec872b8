"""What a set of events says, as one number that Postgres and Python can work out without each other.

The sum of a hash of each row: it does not depend on the order of rows, and differs if a row is missing, is
there twice, or says anything else.
"""

import hashlib
import uuid
from collections.abc import Sequence

from libs.events.columns import COLUMNS, EventColumn

# A value of a row: times are microseconds since 1970, JSON is the text that Postgres makes of it.
Value = uuid.UUID | int | str | bool | None
Row = Sequence[Value]


def _value(column: EventColumn) -> str:
    match column.type:
        case "timestamp with time zone":
            return f"(extract(epoch FROM {column.name}) * 1000000)::bigint"
        case "jsonb":
            return f"{column.name}::text"
        case _:
            return column.name


# The published columns as `Value`s.
VALUES_SQL = ", ".join(map(_value, COLUMNS))


def _text(column: EventColumn) -> str:
    """With its length, so that no two rows have the same text."""
    text = f"({_value(column)})::text"
    return f"coalesce(length({text}) || ':' || {text}, '-')"


_ROW_TEXT = " || ".join(map(_text, COLUMNS))
# Of one row: 64 bits, as a bigint.
_ROW_SQL = (
    f"('x' || left(encode(sha256(convert_to({_ROW_TEXT}, 'UTF8')), 'hex'), 16))::bit(64)::bigint"
)
# Of all rows: a numeric, 0 for none.
DIGEST_SQL = f"coalesce(sum({_ROW_SQL}), 0)"


def row_digest(row: Row) -> int:
    """The same of one row; sum it over the rows."""
    text = "".join(map(_python_text, row))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def _python_text(value: Value) -> str:
    if value is None:
        return "-"
    text = ("false", "true")[value] if isinstance(value, bool) else str(value)
    return f"{len(text)}:{text}"
