"""Which times of events are accepted."""

from libs.catalog import ClockPolicy
from libs.common.clock import DAY_US

# Before any of the products existed; an unset client clock reads 1970.
EARLIEST_US = 946_684_800_000_000  # 2000-01-01T00:00:00Z


class ClockCheck:
    """An app's limits on `occurred_at`, worked out once for a batch that arrived at `now_us`."""

    def __init__(self, policy: ClockPolicy, now_us: int) -> None:
        self.latest_us = now_us + int(policy.max_future_seconds * 1_000_000)
        self.earliest_us = EARLIEST_US
        if policy.max_age_days is not None:
            self.earliest_us = max(EARLIEST_US, now_us - policy.max_age_days * DAY_US)

    def violation(self, occurred_at_us: int) -> str | None:
        """What is wrong with the time; None if it is accepted."""
        if occurred_at_us > self.latest_us:
            return "lies in the future beyond the app's tolerance"
        if occurred_at_us < self.earliest_us:
            if occurred_at_us < EARLIEST_US:
                return "lies before 2000"
            return "lies further back than the app allows"
        return None
