"""Times that a user writes, and times as a user reads them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.exits import fail

# As calls with a TimeFrame have them.
_SHORTEST_LAST, _LONGEST_LAST = timedelta(hours=1), timedelta(days=366)
_DATE_CHARACTERS = len("2026-04-27")


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
    command, as wrong usage, if they say no range of time. A date as `--to` is the whole day, to its end."""
    for field, moment in moment_range(start, end).items():
        getattr(request, field).FromDatetime(moment.replace(tzinfo=None))


def moment_range(start: str, end: str) -> Mapping[str, datetime]:
    """`from` and `to` of `--from` and `--to`, as far as they are given; see `set_range`."""
    moments: dict[str, datetime] = {}
    if start:
        moments["from"] = moment_of("--from", start)
    if end:
        moments["to"] = _end_of_range(end)
    if len(moments) == 2 and moments["from"] > moments["to"]:
        fail(f"--from {start}: is later than --to {end}", 2)
    return moments


def set_time(request: Any, last: str, start: str, end: str) -> None:
    """Fills the fields `from` and `to` of a message from `--last`, by this machine's clock, or as
    `set_range` does."""
    check_time(last, start, end)
    if not last:
        set_range(request, start, end)
        return
    # Imported here: catalogs are heavy, and commands that ask for no time import this module too.
    from libs.catalog.durations import parse_duration

    try:
        length = timedelta(seconds=parse_duration(last))
    except (ValueError, OverflowError):
        length = timedelta()
    if not _SHORTEST_LAST <= length <= _LONGEST_LAST:
        fail(f"--last {last}: must be a length of time from 1h to 366d, such as 24h, 7d or 30d", 2)
    now = datetime.now(UTC)
    getattr(request, "from").FromDatetime((now - length).replace(tzinfo=None))
    request.to.FromDatetime(now.replace(tzinfo=None))


def check_time(last: str, start: str, end: str) -> None:
    """Ends the command, as wrong usage, if the options say two times."""
    if last and (start or end):
        fail("--last: not together with --from and --to", 2)


def _end_of_range(text: str) -> datetime:
    moment = moment_of("--to", text)
    if len(text) > _DATE_CHARACTERS:
        return moment
    try:
        return moment + timedelta(days=1)
    except OverflowError:
        # The last day that there is: nothing is later.
        return datetime.max.replace(tzinfo=UTC)
