"""A clock that stands still."""

from datetime import datetime, timedelta

from libs.common.clock import EPOCH, moment_of

NOW_US = 1_789_000_000_000_000  # 2026-09-10T00:26:40Z


class FixedClock:
    """Shows `now` until a test sets another time. Implements `libs.common.clock.Clock`."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    @classmethod
    def of_us(cls, now_us: int = NOW_US) -> "FixedClock":
        """A clock that shows this time, in microseconds since the epoch."""
        return cls(moment_of(now_us))

    def now_us(self) -> int:
        return (self.now - EPOCH) // timedelta(microseconds=1)
