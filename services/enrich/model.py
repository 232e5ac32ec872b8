"""What enrich's decisions are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Device:
    """What a User-Agent header says; empty where it does not."""

    device_type: str = ""
    os: str = ""
    browser: str = ""
    os_version: str = ""
    browser_version: str = ""
    brand: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What enrich found out about an event from its context; the same object for all events for which
    the same was found."""

    country: str
    device: Device


@dataclass(frozen=True, slots=True, eq=False)
class ContextEnrichment:
    """What one event context says, worked out once for all events that share it.

    `context_json` is the context as binary jsonb (RFC 8259 text behind a version byte), None where the
    context is empty.
    """

    context_json: bytes | None
    finding: Enrichment
    landing_page: str
    referrer: str


@dataclass(frozen=True, slots=True)
class Session:
    """When a session began (microseconds since the Unix epoch), and where it came from."""

    started_at_us: int
    landing_page: str
    referrer: str


@dataclass(slots=True)
class FailedEvent:
    """An event that could not be handled: its position in the batch, and why."""

    position: int
    reason: str


# An event that is ready for its row: its position, the message, its time (microseconds since the Unix
# epoch), its session id and what its context says.
Prepared = tuple[int, Any, int, str, ContextEnrichment]


@dataclass(slots=True)
class WorkBatch:
    """A batch on its way through enrich.

    `rows` are the rows of the events table and `findings` what aggregate is told, one for each event,
    None at the positions of poison; `skipped` the positions that are not stored by this batch;
    `repeated` says that all the others were stored before.
    """

    batch_id: bytes
    app_id: str
    shard: int
    received_at_us: int
    events: Sequence[Any]
    payload: bytes
    traceparent: str
    skipped: set[int] = field(default_factory=set)
    prepared: list[Prepared] = field(default_factory=list)
    rows: list[tuple[Any, ...] | None] = field(default_factory=list)
    findings: list[Enrichment | None] = field(default_factory=list)
    failed: list[FailedEvent] = field(default_factory=list)
    repeated: bool = False
