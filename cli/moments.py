"""Times that a user writes, and times as a user reads them."""

from datetime import UTC, datetime
from typing import Any

from cli.exits import fail


def moment_of(option: str, text: str) -> datetime:
    """In UTC; ends the command, as wrong usage, if the text says no time."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        fail(f"{option} {text}: must be a date or time as in 2026-04-27 or 2026-04-27T10:00", 2)


def shown_moment(moment: datetime | None) -> str:
    """As `2026-04-27T10:00:00Z`; empty if there is none."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else ""


def set_range(request: Any, start: str, end: str) -> None:
    """Fills the fields `from` and `to` of a message from `--from` and `--to`, which may be empty; ends the
    command, as wrong usage, if they say no range of time."""
    moments = {
        field: moment_of(f"--{field}", text)
        for field, text in (("from", start), ("to", end))
        if text
    }
    if len(moments) == 2 and moments["from"] > moments["to"]:
        fail(f"--from {start}: is later than --to {end}", 2)
    for field, moment in moments.items():
        getattr(request, field).FromDatetime(moment.replace(tzinfo=None))
