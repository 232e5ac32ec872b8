"""Whether a bucket's numbers are final. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class FinalUntil:
    """Buckets that end at `moment` or before it are final; None: none is."""

    moment: datetime | None

    def covers(self, bucket_end: datetime) -> bool:
        """Whether a bucket is final that ends then, its first moment no longer in it."""
        return self.moment is not None and bucket_end <= self.moment


def final_until(watermark: datetime | None, lateness: timedelta) -> FinalUntil:
    """Events of a bucket may come until `lateness` after its end; everything received before `watermark` is
    counted, which is None if that is not known."""
    return FinalUntil(None if watermark is None else watermark - lateness)
