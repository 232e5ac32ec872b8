"""Where the files of the archive are, and what the manifest of a day says. Pure."""

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from services.enrich.archive.model import ArchivedFile

FORM = 1
# Files that are being made: no pattern such as `app=*/date=*/*.parquet` finds them.
UNFINISHED = "_unfinished"


def unfinished_key(file_id: uuid.UUID) -> str:
    """Where a file is until its events are gone from the database."""
    return f"{UNFINISHED}/{file_id}.parquet"


def file_key(file: ArchivedFile) -> str:
    """Where readers find a file."""
    return f"{day_key(file.app_id, file.day)}/{file_name(file.file_id)}"


def file_name(file_id: uuid.UUID) -> str:
    """A file's name in its day's folder."""
    return f"{file_id}.parquet"


def manifest_key(app_id: str, day: date) -> str:
    """Where the manifest of a day is."""
    return f"{day_key(app_id, day)}/manifest.json"


def day_key(app_id: str, day: date) -> str:
    """The folder of a day, as Hive, DuckDB and Spark expect it."""
    return f"app={app_id}/date={day.isoformat()}"


def manifest(app_id: str, day: date, files: Sequence[ArchivedFile]) -> bytes:
    """The manifest of a day with these files, as JSON. The same files make the same bytes."""
    described = [_described(file) for file in sorted(files, key=lambda each: each.file_id)]
    document = {
        "form": FORM,
        "app_id": app_id,
        "date": day.isoformat(),
        "events": sum(each["events"] for each in described),
        "files": described,
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def _described(file: ArchivedFile) -> dict[str, Any]:
    assert file.facts is not None
    contents = file.facts.contents
    return {
        "name": file_name(file.file_id),
        "events": contents.events,
        "size_bytes": file.facts.size_bytes,
        "sha256": file.facts.sha256,
        # Sums of 64-bit hashes: more than JSON's numbers hold everywhere.
        "rows_digest": str(contents.digest),
        "first_occurred_at": _text(contents.first_at),
        "last_occurred_at": _text(contents.last_at),
        "event_names": dict(contents.names),
        "archived_at": None if file.archived_at is None else _text(file.archived_at),
    }


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
