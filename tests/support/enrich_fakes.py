"""Enrich's ports in memory. `tests/contract/enrich` proves them against the real stores."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set

from services.enrich.model import FailedEvent, Row, Session, WorkBatch
from services.enrich.ports import RowRejected
from services.enrich.steps.session import begins_before

# A number that JSON can express and Postgres' numeric cannot.
REJECTED_BY_POSTGRES = b'{"moves": 1e-99999}'


class MemoryEventStore:
    """Implements `ports.EventStore`. A row is the event's key and its properties."""

    def __init__(self) -> None:
        self.batches: dict[bytes, list[int]] = {}
        self.events: set[tuple[object, ...]] = set()
        # How many times `can_store` was asked.
        self.trials = 0

    def rows(self, batch: WorkBatch) -> Sequence[Row | None]:
        return [
            (
                (event.event_uuid, event.occurred_at_us, batch.app_id, event.retention_class),
                event.event.properties_json,
            )
            if event
            else None
            for event in batch.enriched
        ]

    async def write(self, batches: Sequence[WorkBatch]) -> None:
        firsts: dict[bytes, WorkBatch] = {}
        for batch in batches:
            firsts.setdefault(batch.batch_id, batch)
        if any(_is_rejected(row) for batch in firsts.values() for _, row in self._live(batch)):
            raise RowRejected("NumericValueOutOfRange")
        for batch_id, batch in firsts.items():
            batch.repeated = batch_id in self.batches
            if not batch.repeated:
                for position, (key, _) in self._live(batch):
                    assert isinstance(key, tuple)
                    if key in self.events:
                        batch.skipped.add(position)
                    self.events.add(key)
                self.batches[batch_id] = sorted(batch.skipped)
        for batch in batches:
            batch.repeated |= batch is not firsts[batch.batch_id]
            batch.skipped = set(self.batches[batch.batch_id])

    async def skipped_before(self, batch_ids: Sequence[bytes]) -> Mapping[bytes, Sequence[int]]:
        return {key: self.batches[key] for key in batch_ids if key in self.batches}

    async def fenced(self, batches: Sequence[WorkBatch]) -> Sequence[set[int]]:
        return [set() for _ in batches]

    async def can_store(self, rows: Sequence[Row]) -> bool:
        self.trials += 1
        return not any(map(_is_rejected, rows))

    def _live(self, batch: WorkBatch) -> Sequence[tuple[int, Row]]:
        return [] if batch.batch_id in self.batches else batch.live_rows()


class MemorySessionStore:
    """Implements `ports.SessionStore`; forgets nothing."""

    def __init__(self) -> None:
        self.sessions: dict[tuple[str, int, str], Session] = {}
        self.calls = 0

    async def note(
        self, app_id: str, shard: int, sessions: Mapping[str, Session], *, remember: bool = True
    ) -> Mapping[str, Session]:
        self.calls += 1
        found = {}
        for session_id, session in sessions.items():
            key = (app_id, shard, session_id)
            known = self.sessions.get(key)
            if known is not None and not begins_before(session, known):
                found[session_id] = known
            elif remember:
                self.sessions[key] = session
        return found


class MemoryEnrichedStream:
    """Implements `ports.EnrichedStream`."""

    def __init__(self) -> None:
        self.forwarded: list[tuple[bytes, Set[int]]] = []
        self.dead_letters: Counter[tuple[bytes, FailedEvent]] = Counter()

    async def write_dead_letters(self, batches: Sequence[WorkBatch]) -> None:
        for batch in batches:
            self.dead_letters.update((batch.batch_id, failed) for failed in batch.failed)

    async def forward(self, batches: Sequence[WorkBatch]) -> None:
        self.forwarded += [
            (batch.batch_id, set(batch.skipped))
            for batch in batches
            if len(batch.skipped) < len(batch.events)
        ]


def _is_rejected(row: Row) -> bool:
    return bool(row[1] == REJECTED_BY_POSTGRES)
