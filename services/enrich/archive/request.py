"""What the process of the archive is asked to do, and what it answers: one line of JSON each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.common.subject_data import Erasure, SubjectRef
from services.enrich.archive.erasing import Erased
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
    subject = erasure["subject"]
    names = erasure["names"]
    return Erased(
        Erasure(
            SubjectRef(subject["app_id"], subject["subject_id"], tuple(subject["persons"])),
            UUID(erasure["request_id"]),
            datetime.fromisoformat(erasure["fenced_at"]),
            None if names is None else tuple(names),
            erasure["withheld"],
        ),
        found["names_others"],
        tuple(found["entity_types"]),
        tuple(map(tuple, found["measures"])),
    )


def before_line(day: datetime) -> bytes:
    """The request to remove the files of the days before this one, as one line."""
    return json.dumps({"command": "expire", "before": day}, default=_plain).encode() + b"\n"


def _span(found: Mapping[str, Any]) -> Span:
    counted = found["counted_before"]
    return Span(
        datetime.fromisoformat(found["today"]),
        None if counted is None else datetime.fromisoformat(counted),
    )


def _limit(found: Mapping[str, Any]) -> Limit:
    names = found["names"]
    return Limit(
        tuple(found["classes"]),
        found["days"],
        datetime.fromisoformat(found["before"]),
        found["app_id"],
        None if names is None else tuple(names),
    )


def _plain(value: object) -> str:
    assert isinstance(value, datetime | UUID)
    return value.isoformat() if isinstance(value, datetime) else str(value)
