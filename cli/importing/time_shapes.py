"""The shapes of times that are recognized without a format. Pure.

Each shape says by itself what it is, apart from dates of two numbers and a year: which number is the
day is decided for the whole column (day_order.py).
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

_CLOCK = (
    r"(?:[T ,:]\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?)?"
)
_ZONE = r"(?:\s?(?P<zone>[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_WEEKDAY = r"(?:[A-Za-z]{3,9}\.?,?\s)?"
_SHAPES = tuple(
    re.compile(date + _CLOCK + _ZONE)
    for date in (
        r"(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})",
        # RFC 2822, HTTP, Apache: 3 Apr 2024, 03/Apr/2024, 3-April-2024
        _WEEKDAY + r"(?P<day>\d{1,2})(?:[-/ ]|\. ?)(?P<name>[A-Za-z]{3,9})[-/ ,.] ?(?P<year>\d{4})",
        # April 3, 2024
        _WEEKDAY + r"(?P<name>[A-Za-z]{3,9})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,? (?P<year>\d{4})",
    )
)
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})"
    r"(?:T?(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?" + _ZONE
)
_TWO_NUMBERS = re.compile(
    r"(?P<first>\d{1,2})(?P<sep>[-/.])(?P<other>\d{1,2})(?P=sep)(?P<year>\d{4})" + _CLOCK + _ZONE
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FULL_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december", "sept"),
)
_NUMBER = re.compile(r"(?P<whole>\d{9,19})(?P<fraction>\.\d+)?")
# Seconds since 1970 are recognized from 2000 to 2033: below 2000010100, which may be a day and an hour.
_EPOCH_SECONDS = range(946_684_800, 2_000_000_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DayOrder(StrEnum):
    """Which number of `03/04/2024` is the day."""

    DAY_FIRST = "day"
    MONTH_FIRST = "month"


def two_numbers(text: str) -> re.Match[str] | None:
    """The groups `first`, `sep`, `other` and `year` of a date whose order of day and month is open, and
    those of its time of day; None for another shape."""
    return _TWO_NUMBERS.fullmatch(text)


def recognize(text: str, order: DayOrder | None) -> datetime | None:
    """The time that `text` is, naive if it names no zone; None if it has no known shape, or if it has
    two numbers and `order` is not known. Raises ValueError for a date or time that does not exist."""
    if text[4:5] == "-" and (len(text) == 10 or text[10:11] in ("T", " ")):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass  # `2024-04-03 10:00:00 UTC`
    moment = _epoch(text)
    if moment is not None:
        return moment
    if match := _TWO_NUMBERS.fullmatch(text):
        if order is None:
            return None
        day, month = int(match["first"]), int(match["other"])
        if order is DayOrder.MONTH_FIRST:
            day, month = month, day
        return _with_clock(match, month, day)
    if match := _COMPACT.fullmatch(text):
        return _with_clock(match, int(match["month"]), int(match["day"]))
    for shape in _SHAPES:
        if match := shape.fullmatch(text):
            groups = match.groupdict()
            month = int(groups["month"]) if "month" in groups else _month(match["name"])
            return _with_clock(match, month, int(match["day"]))
    return None


def epoch_time(microseconds: int) -> datetime:
    """The time so long after 1970. Raises OverflowError beyond the year 9999."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _epoch(text: str) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, by their number of digits."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    whole = int(match["whole"])
    for thousands in range(4):
        if whole // 1_000**thousands in _EPOCH_SECONDS:
            fraction = match["fraction"]
            if fraction and thousands:
                return None
            nanoseconds = whole * 1_000 ** (3 - thousands)
            if fraction:
                nanoseconds += int(fraction[1:10].ljust(9, "0"))
            return epoch_time(nanoseconds // 1_000)
    return None


def _month(name: str) -> int:
    lower = name.lower()
    if lower not in _MONTHS and lower not in _FULL_MONTHS:
        raise ValueError(f"no month {name}")
    return _MONTHS.index(lower[:3]) + 1


def _with_clock(match: re.Match[str], month: int, day: int) -> datetime:
    groups = match.groupdict()
    hour = int(groups["hour"] or 0)
    if half := groups.get("half"):
        if not 1 <= hour <= 12:
            raise ValueError("no hour of a half day")
        hour = hour % 12 + (12 if half in "Pp" else 0)
    return datetime(
        int(match["year"]),
        month,
        day,
        hour,
        int(groups["minute"] or 0),
        int(groups["second"] or 0),
        int((groups["fraction"] or "")[:6].ljust(6, "0")),
        tzinfo=_zone(groups["zone"]),
    )


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
