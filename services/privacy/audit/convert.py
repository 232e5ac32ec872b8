"""Messages to the domain's words and back."""

import json
import uuid
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import audit_service_pb2 as pb

from libs.common.errors import InvalidArgument
from services.privacy.audit.chain import Head, parse_head
from services.privacy.audit.model import EntryCursor, StoredEntry
from services.privacy.audit.verification import Problem
from services.privacy.consent.convert import timestamp

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["AuditService"].full_name
# What Postgres and a Timestamp can hold.
_FIRST_US, _LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999


def microseconds(request: pb.ListEntriesRequest, field: str) -> int | None:
    """A Timestamp of the request in microseconds since 1970; None if it is not set.

    Raises InvalidArgument.
    """
    if not request.HasField(field):
        return None
    moment: Timestamp = getattr(request, field)
    us = moment.seconds * 1_000_000 + moment.nanos // 1000
    if not _FIRST_US <= us <= _LAST_US:
        raise InvalidArgument("must be a time from the year 1 to 9999", field=field)
    return us


def entry_message(stored: StoredEntry) -> pb.AuditEntry:
    """One entry."""
    entry, link = stored.entry, stored.link
    return pb.AuditEntry(
        entry_id=str(entry.entry_id),
        sequence=link.sequence if link else 0,
        occurred_at=timestamp(entry.occurred_at_us),
        actor=entry.caller.actor,
        action=entry.action,
        subject=entry.subject,
        purpose=entry.purpose,
        outcome=entry.outcome,
        request_id=entry.caller.request_id,
        trace_id=entry.caller.trace_id,
        details=json.dumps(entry.details, sort_keys=True),
        hash=link.hash if link else b"",
    )


def entry_values(stored: StoredEntry) -> tuple[int, str]:
    """Where an entry stands in a list, as a page token carries it; `entry_cursor` reads it."""
    return stored.entry.occurred_at_us, str(stored.entry.entry_id)


def entry_cursor(occurred_at_us: int, entry_id: str) -> EntryCursor:
    """The cursor that `entry_values` wrote. Raises ValueError or TypeError for values that it never
    writes."""
    if not _FIRST_US <= occurred_at_us <= _LAST_US:
        raise ValueError("not a time")
    return EntryCursor(int(occurred_at_us), uuid.UUID(entry_id))


def problem(found: Problem | None) -> pb.ChainProblem:
    """A problem as the message has it; UNSPECIFIED if there is none."""
    name = f"CHAIN_PROBLEM_{found.name if found else 'UNSPECIFIED'}"
    # The stubs take the number for less than it is.
    return cast(pb.ChainProblem, pb.ChainProblem.Value(name))


def known_head(request: pb.VerifyChainRequest) -> Head | None:
    """The head that the caller kept. Raises InvalidArgument."""
    if not request.known_head:
        return None
    try:
        return parse_head(request.known_head)
    except ValueError:
        raise InvalidArgument(
            "must be a sequence, a colon and 64 hex digits, as an earlier verification gave it",
            field="known_head",
        ) from None
