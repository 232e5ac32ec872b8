"""Ids for events that come without one: the same on every run, so that sending again adds nothing."""

import uuid
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

LINE_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "line.weir")
ROW_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "row.weir")


def line_id(app_id: str, number: int, content: bytes) -> str:
    """The id of a line of a file: of its app, its number and its content."""
    text = content.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode()
    return str(uuid.uuid5(LINE_NAMESPACE, f"{app_id}\x00{number}\x00{text}"))


class RowIds:
    """Ids of rows: of their app, their content, and their number among rows with the same content.

    So two rows that are the same are two events, and rows in another order have the same ids.
    """

    def __init__(self, app_id: str) -> None:
        self._app_id = app_id
        self._seen: Counter[bytes] = Counter()

    def next(self, envelope: Mapping[str, Any]) -> str:
        """The id of the next row, whose content is `envelope`. Raises TypeError for lone surrogates."""
        content = orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS)
        # Hashed twice: a counter of millions of whole rows would be too large.
        digest = uuid.uuid5(ROW_NAMESPACE, f"{self._app_id}\x00{content.decode()}").bytes
        self._seen[digest] += 1
        return str(uuid.uuid5(ROW_NAMESPACE, f"{digest.hex()}\x00{self._seen[digest]}"))
