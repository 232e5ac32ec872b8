"""Which partition an event belongs to: its retention class, then a day or a month."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from libs.common.clock import EPOCH

# Classes kept longer than this have monthly partitions: fewer tables, and a month more or less does
# not matter for them.
DAILY_CLASSES = frozenset({"1d", "7d", "30d", "90d"})


@dataclass(frozen=True, slots=True)
class Partition:
    """A leaf of `enrich.events`: its parent's retention class, and the time from `start` until `end`."""

    retention_class: str
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """The table's name, for example `events_90d_20261120` or `events_keep_201604`."""
        pattern = "%Y%m%d" if self.retention_class in DAILY_CLASSES else "%Y%m"
        return f"events_{self.retention_class}_{self.start.strftime(pattern)}"


@lru_cache(maxsize=100_000)
def partition_of(retention_class: str, day: int) -> Partition:
    """The partition for events of a class on `day`, counted from the Unix epoch, UTC."""
    start = EPOCH + timedelta(days=day)
    if retention_class in DAILY_CLASSES:
        return Partition(retention_class, start, start + timedelta(days=1))
    first = start.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Partition(retention_class, first, following)
