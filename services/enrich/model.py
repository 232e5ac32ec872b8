"""The values that pass through enrich's steps."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from weir.common.v1 import event_pb2

from libs.catalog import ENRICHED_SOURCES, ENRICHMENT_STEPS
from libs.common.event_moments import oldest_us

Event = event_pb2.Event
Context = event_pb2.Context
Attribution = event_pb2.Attribution
ALL_STEPS = frozenset(ENRICHMENT_STEPS)
# A row in the form of the store that made it; the steps do not look into it.
Row = Any


@dataclass(frozen=True, slots=True, eq=False)
class Enrichment:
    """What the context steps found: one value for each of ENRICHED_SOURCES, in that order, None if nothing is
    known. Events with equal values share one object, so that it is compared by identity."""

    values: tuple[str | None, ...]


NOTHING_FOUND = Enrichment((None,) * len(ENRICHED_SOURCES))


@dataclass(frozen=True, slots=True, eq=False)
class ContextEnrichment:
    """What follows from one event context, worked out once for all events that share it.

    `columns` are the columns of a row that follow from the context, in the form that binary COPY takes: the
    context as jsonb, NULL if it is empty, and ENRICHED_SOURCES.
    """

    columns: bytes
    enrichment: Enrichment
    page_url: str
    referrer: str


# Not frozen, which would make creating one per event three times as slow.
@dataclass(slots=True)
class EnrichedEvent:
    """An event with what the context steps found, and the values that storing it needs.

    Times are microseconds since the Unix epoch, `event_uuid` has 16 bytes. `is_uuid`: the event's own id
    is that UUID.
    """

    event: Event
    event_uuid: bytes
    is_uuid: bool
    occurred_at_us: int
    session_id: str
    producer: str
    environment: str
    retention_class: str
    context: ContextEnrichment


@dataclass(frozen=True, slots=True)
class Session:
    """When a session began (microseconds since the Unix epoch), its landing page and referrer."""

    started_at_us: int
    landing_page: str
    referrer: str


@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An event that becomes a dead letter: its position in the batch, and why. `is_reduced`: properties were
    removed that dead letters do not have."""

    position: int
    reason: str
    is_reduced: bool = False


@dataclass(slots=True)
class WorkBatch:
    """A batch while it is enriched, stored and forwarded.

    `enriched` and `rows` have one element for each event, None for those that failed or are skipped; `found`
    has what the batch steps found, by field and then by position. `skipped` are the positions that this batch
    does not store: duplicates and failed events. `repeated` says that all the others were stored before.
    `fenced` are those of people who were erased, skipped for another reason or not: the batch steps remember
    nothing of them, and none of what they say is handed on. Storing adds those of later fences.
    """

    batch_id: bytes
    app_id: str
    shard: int
    received_at_us: int
    events: Sequence[Event]
    payload: bytes
    # Of the payload, decompressed.
    size_bytes: int
    traceparent: str
    skipped: set[int] = field(default_factory=set)
    # The steps that the app has switched on.
    steps: frozenset[str] = ALL_STEPS
    enriched: list[EnrichedEvent | None] = field(default_factory=list)
    found: dict[str, Sequence[Any]] = field(default_factory=dict)
    rows: Sequence[Row | None] = ()
    failed: list[FailedEvent] = field(default_factory=list)
    fenced: Set[int] = frozenset()
    repeated: bool = False
    # By names of events, the properties that are not handed on.
    sealed: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def new_events(self) -> int:
        """How many events are stored or fail, unless some of them turn out to be stored before."""
        return len(self.events) - len(self.skipped) + len(self.failed)

    def oldest_us(self, position: int) -> int:
        """`event_moments.oldest_us` of the event at `position`: what a fence and retired keys go by."""
        return oldest_us(self.events[position], self.received_at_us)

    def live_rows(self) -> list[tuple[int, Row]]:
        """The rows to store, with their positions."""
        return [
            (position, row)
            for position, row in enumerate(self.rows)
            if row is not None and position not in self.skipped
        ]

    def fail(self, position: int, reason: str) -> None:
        """Makes the event at `position` a dead letter; it is not stored."""
        self.failed.append(FailedEvent(position, reason))
        self.skipped.add(position)
