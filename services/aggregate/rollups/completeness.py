"""Whether a bucket's numbers are final. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class FinalUntil:
    """Buckets that end at `moment` or before it are final; None: none is."""

    moment: datetime | None

    def covers(self, bucket_end: datetime) -> bool:
        """Whether a bucket is final that ends then, its first moment no longer in it."""
        return self.moment is not None and bucket_end <= self.moment

    def but_after(self, dirty: Collection[datetime]) -> "FinalUntil":
        """For numbers that everything before their end goes into: none that ends after the begin of the first
        `dirty` bucket is final."""
        if self.moment is None or not dirty:
            return self
        return FinalUntil(min(self.moment, *dirty))


def final_until(watermark: datetime | None, lateness: timedelta) -> FinalUntil:
    """Events of a bucket may come until `lateness` after its end; everything received before `watermark` is
    counted, which is None if that is not known."""
    return FinalUntil(None if watermark is None else watermark - lateness)
