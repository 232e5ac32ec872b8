"""Moves entries of the audit trail that other services wrote from the stream to Postgres."""

from collections.abc import Sequence

from libs.audit import AuditEntry
from libs.audit.line import from_line
from libs.streams.entries import Fields
from libs.streams.errors import UnreadableError
from libs.streams.groups import Entry
from services.privacy.audit.postgres import PostgresAuditTrail


class AuditStreamReader:
    """Keeps each entry once, by its id, however often the stream delivers it."""

    def __init__(self, trail: PostgresAuditTrail) -> None:
        self._trail = trail

    async def keep(self, entries: Sequence[Entry]) -> None:
        """Stores the entries. Raises UnreadableError, and what Postgres raises."""
        await self._trail.add([_audit_entry(entry) for entry in entries])


def occurred_at_us(fields: Fields) -> int:
    """When it was done, in microseconds since the epoch; for the lag. 0 if that cannot be read."""
    try:
        return from_line(fields[b"entry"]).occurred_at_us
    except (ValueError, TypeError, KeyError):
        return 0


def _audit_entry(entry: Entry) -> AuditEntry:
    try:
        return from_line(entry.fields[b"entry"])
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableError(f"it is no audit entry: {type(error).__name__}") from None
