"""Reads dead letters from Postgres, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest.dead_letters.selection import CONDITION, LetterSelection, parameters_of

MAX_COUNTS = 100
# No more events than fill an answer are read, but one in any case.
_PAGE = text(f"""
WITH page AS MATERIALIZED (
    SELECT dead_letter_id, received_at, stage, reason, field, message, name, content,
        octet_length(event) AS size
    FROM ingest.dead_letters
    WHERE {CONDITION} AND (
        CAST(:time AS timestamptz) IS NULL OR (received_at, dead_letter_id) < (:time, CAST(:id AS uuid))
    )
    ORDER BY received_at DESC, dead_letter_id DESC LIMIT :limit
), sized AS (
    SELECT page.*, sum(size) OVER (ORDER BY received_at DESC, dead_letter_id DESC) - size AS before
    FROM page
)
SELECT sized.dead_letter_id, sized.received_at, sized.stage, sized.reason, sized.field, sized.message,
    sized.name, sized.content, letters.event, (SELECT count(*) FROM page)
FROM sized JOIN ingest.dead_letters AS letters USING (dead_letter_id)
WHERE sized.before < :max_bytes
ORDER BY sized.received_at DESC, sized.dead_letter_id DESC
""")
_COUNTS = text(f"""
SELECT reason, field, count(*) FROM ingest.dead_letters WHERE {CONDITION}
GROUP BY reason, field ORDER BY count(*) DESC, reason, field LIMIT {MAX_COUNTS}
""")
# When it was received, and its id.
Place = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class KeptLetter:
    """A row of `ingest.dead_letters`."""

    dead_letter_id: UUID
    received_at: datetime
    stage: str
    reason: str
    field: str
    message: str
    name: str
    content: str
    # A serialized `weir.common.v1.Event`.
    event: bytes


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some letters, and whether there are more behind them."""

    letters: Sequence[KeptLetter]
    has_more: bool


class ListedLetters:
    """Every method raises what Postgres raises."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(
        self, selection: LetterSelection, limit: int, max_bytes: int, after: Place | None
    ) -> LetterPage:
        """Letters, the newest first, those behind `after`: `limit` at most, and no more than have events of
        `max_bytes` together, but one in any case."""
        time, id_ = after or (None, None)
        parameters = {
            **parameters_of(selection),
            # One more shows whether there are more.
            "time": time,
            "id": id_,
            "limit": limit + 1,
            "max_bytes": max_bytes,
        }
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_PAGE, parameters)).all()
        letters = [KeptLetter(*letter) for *letter, _ in rows[:limit]]
        return LetterPage(letters, bool(rows) and rows[0][-1] > len(letters))

    async def counts(self, selection: LetterSelection) -> Sequence[tuple[str, str, int]]:
        """How many there are by reason and field, the most frequent MAX_COUNTS first."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(_COUNTS, parameters_of(selection))
            return [(reason, field, number) for reason, field, number in rows]
