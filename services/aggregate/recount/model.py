"""What a recount is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.aggregate.counting.generations import BucketKey


class Reason(StrEnum):
    """Why a bucket has to be recounted."""

    # The catalog declares the rollup anew, or in another way.
    DECLARED = "declared"
    # Events of it were deleted, or changed, in the store.
    ERASED = "erased"
    CORRECTED = "corrected"
    # A process left out what its catalog declares in another way than is adopted.
    OUTDATED = "outdated"
    # A batch of its events is in quarantine.
    UNCOUNTED = "uncounted"
    # BackfillRollups.
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class DirtyBucket:
    """A bucket that has to be recounted. `mark` changes whenever it is marked again."""

    app_id: str
    rollup: str
    start: datetime
    mark: int
    reason: str


@dataclass(frozen=True, slots=True)
class BucketRange:
    """The buckets of a rollup that begin from `start` (inclusive) to `end` (exclusive), in seconds since the
    epoch, and these moments are beginnings of buckets themselves."""

    rollup: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Unit:
    """What is recounted in one go: buckets of one app. `marks` are those of its dirty buckets."""

    app_id: str
    ranges: Sequence[BucketRange]
    marks: frozenset[int]

    def holds(self, key: BucketKey) -> bool:
        """Whether the bucket is one of them."""
        app_id, rollup, bucket = key
        return app_id == self.app_id and any(
            found.rollup == rollup and found.start <= bucket < found.end for found in self.ranges
        )


@dataclass(frozen=True, slots=True)
class GoneCell:
    """A cell of which a recount found no event: `bucket` is in seconds since the epoch, `dimensions`
    are JSON, and watchers know it by its `watched_id`."""

    rollup: str
    bucket: int
    dimensions: bytes
    watched_id: bytes


class PostponedError(Exception):
    """A recount cannot be done now; its buckets stay dirty. The message says why."""
