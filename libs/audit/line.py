"""An entry as it travels through the stream, from the service that answered to privacy."""

import uuid

import orjson

from libs.audit.entry import AuditEntry, Caller


def to_line(entry: AuditEntry) -> bytes:
    """The entry as JSON."""
    return orjson.dumps(
        {
            "app_id": entry.app_id,
            "entry_id": str(entry.entry_id),
            "occurred_at_us": entry.occurred_at_us,
            "actor": entry.caller.actor,
            "request_id": entry.caller.request_id,
            "trace_id": entry.caller.trace_id,
            "action": entry.action,
            "outcome": entry.outcome,
            "subject": entry.subject,
            "purpose": entry.purpose,
            "details": entry.details,
        }
    )


def from_line(line: bytes) -> AuditEntry:
    """The entry that `to_line` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    values = orjson.loads(line)
    texts = {
        name: str(values[name]) for name in ("app_id", "action", "outcome", "subject", "purpose")
    }
    return AuditEntry(
        entry_id=uuid.UUID(values["entry_id"]),
        occurred_at_us=int(values["occurred_at_us"]),
        caller=Caller(str(values["actor"]), str(values["request_id"]), str(values["trace_id"])),
        details=dict(values["details"]),
        **texts,
    )
