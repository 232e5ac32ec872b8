"""What enrich's pipeline needs of its stores. Each port has one suite of tests in `tests/contract/enrich`,
which the real store and a fake both pass.

If a store does not answer, its methods raise the store's own errors; the reader of the stream waits and
calls again, so every method may be repeated.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.enrich.model import Row, Session, WorkBatch


class RowRejected(Exception):
    """The store can never hold one of these rows; nothing was stored. Its message names the kind of error,
    and nothing of the row."""


class EventStore(Protocol):
    """Stores each event once, however often its batch is written."""

    def rows(self, batch: WorkBatch) -> Sequence[Row | None]:
        """The row of each enriched event, None for events that failed or are skipped. Computes only, so it is
        called ahead, while the chunk before is stored."""

    async def write(self, batches: Sequence[WorkBatch]) -> None:
        """Stores the batches' rows but for the skipped ones, all or none.

        On return each batch's `skipped` also has the positions of events that were stored before; for a
        batch that was stored before, or by another copy of it among these, `repeated` is set and `skipped` is
        what its first storing skipped. What `fenced` answers then is in both `skipped` and `fenced`.
        Raises RowRejected.
        """

    async def skipped_before(self, batch_ids: Sequence[bytes]) -> Mapping[bytes, Sequence[int]]:
        """For each of these batches that is stored already, the positions that it skipped then."""

    async def fenced(self, batches: Sequence[WorkBatch]) -> Sequence[set[int]]:
        """Of each enriched batch the positions of events that must not be stored or handed on, because their
        person was erased; also of those that are skipped."""

    async def can_store(self, rows: Sequence[Row]) -> bool:
        """Whether `write` would take these rows; stores nothing."""


class SessionStore(Protocol):
    """Remembers when the sessions of an app and shard began, until they are idle for long."""

    async def note(
        self, app_id: str, shard: int, sessions: Mapping[str, Session], *, remember: bool = True
    ) -> Mapping[str, Session]:
        """Those of the sessions of which an earlier beginning is known, or the same one, by the order of
        `steps.session.begins_before`, with that beginning. The earlier ones are remembered, unless `remember`
        is False."""


class EnrichedStream(Protocol):
    """Hands on what enrich has finished. Entries are on disk on return; writing them again is harmless."""

    async def write_dead_letters(self, batches: Sequence[WorkBatch]) -> None:
        """Writes one dead letter for each failed event of the batches."""

    async def forward(self, batches: Sequence[WorkBatch]) -> None:
        """Hands each batch to aggregate of which anything was stored."""
