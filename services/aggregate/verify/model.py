"""What a verification is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from libs.catalog import MetricKind, Rollup
from libs.events.recount import Edge, Recount, RecountKey


class Part(StrEnum):
    """What of a metric is compared; see `weir.aggregate.v1.MeasurePart`."""

    COUNT = "count"
    TOTAL = "total"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    MEMBERS = "members"
    BINS = "bins"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class StoredMeasure:
    """What is stored of one measure of one cell; `members` are those of a distinct metric, None of others.
    Several metrics may share it, of which some need the first or the last number."""

    measure: Recount
    members: int | None = None
    first: Edge | None = None
    last: Edge | None = None

    def as_of(self, kind: MetricKind) -> Recount:
        """As a metric of this kind sees it."""
        match kind:
            case MetricKind.FIRST:
                return replace(self.measure, edge=self.first)
            case MetricKind.LAST:
                return replace(self.measure, edge=self.last)
        return self.measure


# By cell, and then by the measure's name.
CountedCells = Mapping[RecountKey, Mapping[str, StoredMeasure]]


@dataclass(frozen=True, slots=True)
class VerifyQuery:
    """Which rollups of an app to verify: buckets from `start` on that begin before `end`, None for no limit.
    `wait_seconds`: how long to wait for events that are stored and not counted yet."""

    app_id: str
    dimension_characters: int
    rollups: tuple["VerifiedRollup", ...]
    start: datetime | None
    end: datetime | None
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class VerifiedRollup:
    """A rollup. Of buckets that begin before `sealed_before`, events may have expired; those that begin
    before `kept_from` have expired themselves and are not compared."""

    rollup: Rollup
    sealed_before: datetime | None
    kept_from: datetime | None


@dataclass(frozen=True, slots=True)
class Window:
    """Some whole buckets of one rollup, from `start` until before `end`, which are compared at once."""

    of: VerifiedRollup
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """The first part of a metric that differs; None on the side that has no value."""

    metric: str
    part: Part
    counted: float | None
    recounted: float | None


@dataclass(frozen=True, slots=True)
class CellDifference:
    """A cell that is not what the stored events come to. `maybe_expired` says that events that have expired
    since would explain it: of each metric that differs, more was counted than is stored."""

    rollup: str
    key: RecountKey
    metrics: tuple[MetricDifference, ...]
    maybe_expired: bool


@dataclass(slots=True)
class Totals:
    """How many cells were compared, of these how many differ; apart from them, how many differ in buckets
    whose events may have expired, or while events were stored and not counted yet."""

    compared: int = 0
    different: int = 0
    sealed: int = 0
    unsettled: int = 0
