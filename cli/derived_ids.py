"""Ids for events that come without one: the same on every run, so that sending again adds nothing."""

import os
import uuid
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

LINE_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "line.weir")
ROW_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "row.weir")
FILE_ROW_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "file-row.weir")


def line_id(app_id: str, number: int, content: bytes) -> str:
    """The id of a line of a file: of its app, its number and its content."""
    text = content.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode()
    return str(uuid.uuid5(LINE_NAMESPACE, f"{app_id}\x00{number}\x00{text}"))


class IdFrom(StrEnum):
    """What the ids of rows are made of. With each of them, the same file gives the same ids again."""

    CONTENT = "content"  # and the number among rows with the same content
    FILE_CONTENT = "file-content"  # the file's name as well
    FILE_ROW = "file-row"  # the file's name, the row's line and its content


class RowIds:
    """Ids of the rows of one file; see IdFrom.

    Without lines, two rows that are the same are two events, and rows in another order have the same
    ids; for that, 16 bytes of each row are remembered. File names count without their folder, and
    without `.gz`, so that packing a file changes nothing.
    """

    def __init__(self, app_id: str, id_from: IdFrom = IdFrom.CONTENT, path: str = "") -> None:
        self.id_from = id_from
        name = os.fsencode(Path(path).name).decode("utf-8", "backslashreplace")
        with_file = f"{app_id}\x00{name.removesuffix('.gz')}"
        self._prefix = app_id if id_from is IdFrom.CONTENT else with_file
        self._with_line = id_from is IdFrom.FILE_ROW
        self._seen: Counter[bytes] = Counter()

    def next(self, envelope: Mapping[str, Any], line: int) -> str:
        """The id of the next row, whose content is `envelope` and which begins in `line`. Raises
        TypeError for lone surrogates."""
        content = orjson.dumps(envelope, option=orjson.OPT_SORT_KEYS).decode()
        if self._with_line:
            return str(uuid.uuid5(FILE_ROW_NAMESPACE, f"{self._prefix}\x00{line}\x00{content}"))
        # Hashed twice: a counter of millions of whole rows would be too large.
        digest = uuid.uuid5(ROW_NAMESPACE, f"{self._prefix}\x00{content}").bytes
        self._seen[digest] += 1
        return str(uuid.uuid5(ROW_NAMESPACE, f"{digest.hex()}\x00{self._seen[digest]}"))
