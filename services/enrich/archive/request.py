"""What the process of the archive is asked to do, and what it answers: one line of JSON each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from libs.common.subject_data import Erasure, Export, SubjectRef
from services.enrich.archive.erasing import Erased
from services.enrich.archive.exporting import FileRef, PersonFiles
from services.enrich.retention.limits import Limit
from services.enrich.retention.removal import Span

# The request to read all of the archive.
CHECK = b'{"command": "check"}\n'


@dataclass(frozen=True, slots=True)
class ArchiveRequest:
    """Archive what of these apps is past these limits."""

    apps: Sequence[str]
    limits: Sequence[Limit]
    span: Span


def to_line(command: str, request: ArchiveRequest) -> bytes:
    """The request as one line."""
    document = {"command": command, **asdict(request)}
    return json.dumps(document, default=_plain).encode() + b"\n"


def command_of(line: bytes) -> tuple[str, Mapping[str, Any]]:
    """The command of a line, and its arguments."""
    document = json.loads(line)
    return document.pop("command"), document


def archive_request(arguments: Mapping[str, Any]) -> ArchiveRequest:
    """The arguments of `archive`."""
    return ArchiveRequest(
        tuple(arguments["apps"]),
        tuple(map(_limit, arguments["limits"])),
        _span(arguments["span"]),
    )


def erase_line(who: Erased, seconds: float) -> bytes:
    """An erasure as one line; it is to work for about so many seconds."""
    document = {"command": "erase", "who": asdict(who), "seconds": seconds}
    return json.dumps(document, default=_plain).encode() + b"\n"


def erased_of(found: Mapping[str, Any]) -> Erased:
    """The `who` of `erase`."""
    erasure = found["erasure"]
    return Erased(
        Erasure(
            _subject(erasure["subject"]),
            UUID(erasure["request_id"]),
            datetime.fromisoformat(erasure["fenced_at"]),
            _names(erasure["names"]),
            erasure["withheld"],
        ),
        found["may_hold_others"],
        tuple(found["entity_types"]),
        tuple(map(tuple, found["measures"])),
    )


def export_line(who: PersonFiles) -> bytes:
    """The request to read a person's events in some files, as one line."""
    document = {"command": "export", "who": asdict(who)}
    return json.dumps(document, default=_plain).encode() + b"\n"


def exported_of(found: Mapping[str, Any]) -> PersonFiles:
    """The `who` of `export`."""
    export = found["export"]
    return PersonFiles(
        Export(
            _subject(export["subject"]),
            datetime.fromisoformat(export["received_before"]),
            _names(export["names"]),
        ),
        [
            FileRef(UUID(each["file_id"]), date.fromisoformat(each["day"]), each["sha256"])
            for each in found["files"]
        ],
    )


def before_line(day: datetime) -> bytes:
    """The request to remove the files of the days before this one, as one line."""
    return json.dumps({"command": "expire", "before": day}, default=_plain).encode() + b"\n"


def _subject(found: Mapping[str, Any]) -> SubjectRef:
    return SubjectRef(found["app_id"], found["subject_id"], tuple(found["persons"]))


def _names(found: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if found is None else tuple(found)


def _span(found: Mapping[str, Any]) -> Span:
    counted = found["counted_before"]
    return Span(
        datetime.fromisoformat(found["today"]),
        None if counted is None else datetime.fromisoformat(counted),
    )


def _limit(found: Mapping[str, Any]) -> Limit:
    return Limit(
        tuple(found["classes"]),
        found["days"],
        datetime.fromisoformat(found["before"]),
        found["app_id"],
        _names(found["names"]),
        found["level"],
    )


def _plain(value: object) -> str:
    assert isinstance(value, date | UUID)
    return value.isoformat() if isinstance(value, date) else str(value)
