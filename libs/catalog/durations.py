"""Lengths of time as people write them: `60s`, `10m`, `24h`, `90d`, `2w`, `13mo`, `5y`."""

import re

MINUTE = 60
HOUR = 3_600
DAY = 86_400
_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY, "mo": 30 * DAY, "y": 365 * DAY}
_DURATION = re.compile(r"([0-9]{1,9})(mo|[smhdwy])")


def parse_duration(text: str) -> int:
    """The seconds that `text` says; a month is 30 days, a year 365. Raises ValueError for anything else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a length of time")
    return int(match[1]) * _UNITS[match[2]]
