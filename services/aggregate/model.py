"""What aggregate's decisions are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from weir.common.v1.event_pb2 import Event

# (bucket start in seconds, then a value for each dimension of the rollup). A dimension's value is a
# text, canonical JSON as bytes for anything that is not a text, or None if the event has none.
CellKey = tuple[Any, ...]
# The number of the first or last event: when it occurred in microseconds since the epoch, its UUID in
# hexadecimal digits, which decides between events of one moment, and the number.
Edge = tuple[int, str, int | float]


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """One entry of the stream, which ingest received at `received_at_us`. `enrichments` have an attribute for
    each name of `libs.catalog.ENRICHED_SOURCES`; `enrichment_of_event` is the position of each event's
    enrichment, `skipped` are the positions of events that were not stored."""

    batch_id: bytes
    app_id: str
    events: Sequence[Event]
    enrichments: Sequence[object]
    enrichment_of_event: Sequence[int]
    skipped: frozenset[int]
    traceparent: str = ""
    received_at_us: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """A rollup's bucket and a value for each dimension; `dimensions` is canonical JSON, `cell_id` the
    hash of all the rest, 16 bytes. `generation` is that of the recount that made it, else 0; `first_id` the
    id that it has in generation 0, by which watchers know it."""

    cell_id: bytes
    app_id: str
    rollup: str
    # Seconds since the epoch.
    bucket: int
    dimensions: bytes
    generation: int = 0
    first_id: bytes = b""

    @property
    def watched_id(self) -> bytes:
        """The same in all generations."""
        return self.first_id or self.cell_id


@dataclass(slots=True)
class MeasureDelta:
    """What one measure of one cell grows by. `count` of a distinct metric is not known before its
    members are stored. The others are None if no event had a number; `bins`, how many numbers there are by
    bin, is for quantiles, `first_number` and `last_number` are for the first and the last number."""

    metric: str
    count: int = 0
    total: int | Decimal | None = None
    minimum: float | None = None
    maximum: float | None = None
    bins: Mapping[str, int] | None = None
    first_number: Edge | None = None
    last_number: Edge | None = None


class CellDelta(NamedTuple):
    """What one cell grows by: each metric of its rollup, by name, and the new members of distinct ones."""

    cell: Cell
    measures: Sequence[MeasureDelta]
    members: Mapping[str, set[str]]


@dataclass(slots=True)
class Measure:
    """The absolute state of one measure of one cell, as stored: see MeasureDelta."""

    count: int
    total: Decimal | None
    minimum: float | None
    maximum: float | None
    bins: Mapping[str, int] | None = None
    first_number: Sequence[Any] | None = None
    last_number: Sequence[Any] | None = None


class CellState(NamedTuple):
    """A cell with the values of its metrics; a metric without a value is missing.

    `version` grows with every change of the cell.
    """

    cell: Cell
    version: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class NewestCells:
    """A page of the cells that a watcher begins with, and whether there are more behind them."""

    states: Sequence[CellState]
    more: bool


@dataclass(frozen=True, slots=True)
class Claimed:
    """Batches that were not counted before, and the epoch of recounts: see `counting.generations`."""

    batches: set[bytes]
    epoch: int


@dataclass(frozen=True, slots=True)
class CellQuery:
    """Which cells of a rollup to read, from `start` (inclusive) to `end` (exclusive), None for no limit.

    `filters` holds plain JSON values by dimension. `after` is where the page before ended.
    """

    app_id: str
    rollup: str
    start: datetime | None
    end: datetime | None
    filters: Mapping[str, object]
    limit: int
    after: "Cursor | None" = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the order of cells: by bucket, then dimensions, then id. `dimensions` is their JSON; None
    when that is too long to be carried around: then they are those of the cell."""

    bucket: datetime
    dimensions: str | None
    cell_id: str


@dataclass(frozen=True, slots=True)
class StoredCell:
    """A cell read back."""

    cursor: Cursor
    dimensions: Mapping[str, Any]
    measures: Mapping[str, Measure]


@dataclass(frozen=True, slots=True)
class CellPage:
    """Cells in their order, and whether there are more behind them."""

    cells: Sequence[StoredCell]
    more: bool
