"""JSON that every store can hold."""

import re

from libs.common.exact_json import exact_dumps

# The look-behind passes over escaped backslashes.
_NULL_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def json_text(value: object) -> bytes:
    """A value as JSON text. U+0000, which Postgres' jsonb cannot hold, becomes U+FFFD: the event is worth
    more than one character of its context."""
    text = exact_dumps(value)
    return _NULL_ESCAPE.sub(rb"\1\\ufffd", text) if b"\\u0000" in text else text
