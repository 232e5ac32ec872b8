"""The time, injected, so that tests can set it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000


def moment_of(us: int) -> datetime:
    """The moment so many microseconds after the Unix epoch, in UTC. Raises OverflowError past year 9999."""
    return EPOCH + timedelta(microseconds=us)


def us_of(moment: datetime) -> int:
    """The microseconds from the Unix epoch to the moment, which has a time zone."""
    return (moment - EPOCH) // timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the time."""

    def now_us(self) -> int:
        """Microseconds since the Unix epoch, UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_us(self) -> int:
        return time.time_ns() // 1000
