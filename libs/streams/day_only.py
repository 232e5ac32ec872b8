"""Whether it is known only on which day something was received: of counts-only events nothing finer is kept.

Ingest gives such events batches of their own, received at the beginning of the day in UTC (ADR 58). What is
received at that very microsecond is taken for such a batch.
"""

from typing import LiteralString

from libs.common.clock import DAY_US

# The same of the column `received_at`, in SQL.
SAYS_DAY_ONLY: LiteralString = "received_at = date_trunc('day', received_at, 'UTC')"


def says_day_only(received_at_us: int) -> bool:
    """Whether a batch, or dead letter, received then says no more than the day; also of 0, if it says
    nothing. In microseconds since the epoch."""
    return received_at_us % DAY_US == 0
