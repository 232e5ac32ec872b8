"""From when to when: a length of time up to now, or two moments."""

from datetime import datetime, timedelta

from libs.catalog.durations import parse_duration
from libs.common.errors import InvalidArgument

_SHORTEST = timedelta(hours=1)
_LONGEST = timedelta(days=366)


def last(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The time of this length until `now`. Raises InvalidArgument for anything but 1h to 366d."""
    try:
        length = timedelta(seconds=parse_duration(text))
    except (ValueError, OverflowError):
        length = timedelta()
    if not _SHORTEST <= length <= _LONGEST:
        raise InvalidArgument(
            "must be a length of time from 1h to 366d, such as 24h, 7d or 30d", field="time.last"
        )
    return now - length, now


def between(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Both moments as they are. Raises InvalidArgument if they are the wrong way round."""
    if start > end:
        raise InvalidArgument("is later than time.between.to", field="time.between.from")
    return start, end
