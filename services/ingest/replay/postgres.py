"""Replays in Postgres: each part of one is a transaction that changes letters and says how far it is."""

import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from weir.common.v1.event_pb2 import Event

from libs.common.clock import us_of
from libs.common.errors import LimitExceeded
from libs.common.pseudonym import Pseudonymizer
from services.ingest.dead_letters.convert import event_of
from services.ingest.dead_letters.postgres import stored_text
from services.ingest.dead_letters.selection import CONDITION, LetterSelection, parameters_of
from services.ingest.erasure.fences import fenced_apps, fences_of, is_fenced, keys_of
from services.ingest.replay.model import (
    ENDED,
    Letter,
    Replay,
    Replayed,
    ReplayRequest,
    ReplayState,
)

# Of one app.
MAX_REPLAYS_UNDER_WAY = 10
_RETRY_SECONDS = 60.0
_COLUMNS = """request_id, app_id, selection, dry_run, events_per_second, max_rejected_share, requested_by,
    requested_at, state, stopped_because, finished_at, position, counts, rejected_now"""
_ONE = text(
    f"SELECT {_COLUMNS} FROM ingest.replays WHERE app_id = :app_id AND request_id = :request_id"
)
_UNDER_WAY = text(
    "SELECT count(*) FROM ingest.replays WHERE app_id = :app_id AND finished_at IS NULL"
)
_ADD = text("""
INSERT INTO ingest.replays (request_id, app_id, selection, dry_run, events_per_second, max_rejected_share,
    requested_by, requested_at)
VALUES (:request_id, :app_id, :selection, :dry_run, :events_per_second, :max_rejected_share, :requested_by,
    :requested_at)
ON CONFLICT DO NOTHING
""").bindparams(bindparam("selection", type_=JSONB))
# The lock on the row keeps a replay to one process at a time, and ends with that process.
_NEXT = text(f"""
SELECT {_COLUMNS} FROM ingest.replays WHERE finished_at IS NULL AND next_at <= now()
ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
""")
_LETTERS = text(f"""
SELECT dead_letter_id, received_at, stage, reason, content, event FROM ingest.dead_letters
WHERE {CONDITION} AND received_at < :requested_at AND (
    CAST(:time AS timestamptz) IS NULL OR (received_at, dead_letter_id) > (:time, CAST(:id AS uuid))
)
ORDER BY received_at, dead_letter_id LIMIT :limit FOR UPDATE
""")
_DELETE = text("DELETE FROM ingest.dead_letters WHERE dead_letter_id = ANY(:ids)")
_UPDATE = text("""
UPDATE ingest.dead_letters SET reason = :reason, field = :field, message = :message, content = :content,
    event_id = :event_id, name = :name, subject_id = :subject_id, event = :event
WHERE dead_letter_id = :dead_letter_id
""")
# By Postgres' clock, so that the rate holds whichever process goes on.
_SAVE = text("""
UPDATE ingest.replays SET state = :state, stopped_because = :stopped_because, position = :position,
    counts = :counts, rejected_now = :rejected_now,
    next_at = clock_timestamp() + make_interval(secs => :pause_seconds),
    finished_at = CASE WHEN :state <> 'running' THEN clock_timestamp() END
WHERE app_id = :app_id AND request_id = :request_id
""").bindparams(*(bindparam(name, type_=JSONB) for name in ("position", "counts", "rejected_now")))

# Waits for the part that is under way, whose lock the row has.
_CANCEL = text("""
UPDATE ingest.replays
SET state = 'cancelled', stopped_because = :actor, finished_at = clock_timestamp()
WHERE app_id = :app_id AND request_id = :request_id AND finished_at IS NULL
""")
_ROWS_AT_A_TIME = 5_000
_DELETE_ENDED = text("""
DELETE FROM ingest.replays WHERE (app_id, request_id) IN (
    SELECT app_id, request_id FROM ingest.replays WHERE finished_at < :before LIMIT :rows
)
""")
_ENDED = text("""
SELECT app_id, count(*), min(finished_at) FROM ingest.replays WHERE finished_at < :before
GROUP BY app_id ORDER BY app_id
""")


class ReplayPart:
    """The part of a replay that is under way, in its transaction."""

    def __init__(
        self, connection: AsyncConnection, replay: Replay, pseudonymizer: Pseudonymizer
    ) -> None:
        self.replay = replay
        self._connection = connection
        self._pseudonymizer = pseudonymizer

    async def letters(self, limit: int) -> Sequence[Letter]:
        """The next letters, which nothing else changes until the end of the part."""
        time, id_ = self.replay.position or (None, None)
        parameters = {
            **parameters_of(self.replay.request.selection),
            "requested_at": self.replay.requested_at,
            "time": time,
            "id": id_,
            "limit": limit,
        }
        rows = await self._connection.execute(_LETTERS, parameters)
        return [
            Letter(id_, received_at, stage, reason, content, event_of(event))
            for id_, received_at, stage, reason, content, event in rows
        ]

    async def find_erased(self, events: Sequence[tuple[Event, datetime]]) -> Collection[int]:
        """See `intake.FindErased`. No fence is added before the part ends."""
        app_id = self.replay.request.selection.app_id
        people = [keys_of(self._pseudonymizer, app_id, event) for event, _ in events]
        fences = await fences_of(self._connection, {key for keys in people for key in keys})
        return {
            place
            for place, (keys, (event, received_at)) in enumerate(zip(people, events, strict=True))
            if is_fenced(event, us_of(received_at), keys, fences)
        }

    async def end(self, after: Replay, found: Sequence[Replayed], pause_seconds: float) -> None:
        """Writes what became of the letters, unless it is a dry run, and how far the replay is."""
        request = after.request
        if not request.dry_run:
            await self._change(found)
        position = after.position
        await self._connection.execute(
            _SAVE,
            {
                "app_id": request.selection.app_id,
                "request_id": request.request_id,
                "state": after.state,
                "stopped_because": after.stopped_because,
                "position": [position[0].isoformat(), str(position[1])] if position else None,
                "counts": after.counts,
                "rejected_now": after.rejected_now,
                "pause_seconds": pause_seconds,
            },
        )

    async def _change(self, found: Sequence[Replayed]) -> None:
        ended = [each.letter.dead_letter_id for each in found if each.fate in ENDED]
        if ended:
            await self._connection.execute(_DELETE, {"ids": ended})
        changed = [
            {
                "dead_letter_id": each.letter.dead_letter_id,
                "reason": new.reason,
                "field": stored_text(new.field),
                "message": stored_text(new.message),
                "content": new.content,
                "event_id": stored_text(new.event.event_id),
                "name": stored_text(new.event.name),
                "subject_id": stored_text(new.event.subject_id) or None,
                "event": new.event.SerializeToString(),
            }
            for each in found
            if (new := each.rejection) is not None
        ]
        if changed:
            await self._connection.execute(_UPDATE, changed)


class PostgresReplays:
    """Every method raises what Postgres raises."""

    def __init__(self, engine: AsyncEngine, pseudonymizer: Pseudonymizer) -> None:
        self._engine = engine
        self._pseudonymizer = pseudonymizer

    async def find(self, app_id: str, request_id: uuid.UUID) -> Replay | None:
        """A replay that was asked for."""
        async with self._engine.connect() as connection:
            return await _find(connection, app_id, request_id)

    async def add(self, replay: Replay) -> Replay:
        """Adds a replay; the one that there is if it was added before. Raises LimitExceeded if
        MAX_REPLAYS_UNDER_WAY of the app are."""
        request = replay.request
        app_id = request.selection.app_id
        async with self._engine.begin() as connection:
            if found := await _find(connection, app_id, request.request_id):
                return found
            count = (await connection.execute(_UNDER_WAY, {"app_id": app_id})).scalar_one()
            if count >= MAX_REPLAYS_UNDER_WAY:
                raise LimitExceeded(
                    f"{count} replays of the app are under way",
                    limit="max_replays_under_way",
                    value=MAX_REPLAYS_UNDER_WAY,
                    retry_after_seconds=_RETRY_SECONDS,
                )
            await connection.execute(
                _ADD,
                {
                    "request_id": request.request_id,
                    "app_id": app_id,
                    "selection": _plain(request.selection),
                    "dry_run": request.dry_run,
                    "events_per_second": request.events_per_second,
                    "max_rejected_share": request.max_rejected_share,
                    "requested_by": replay.requested_by,
                    "requested_at": replay.requested_at,
                },
            )
            added = await _find(connection, app_id, request.request_id)
        assert added is not None
        return added

    async def cancel(self, app_id: str, request_id: uuid.UUID, actor: str) -> Replay | None:
        """The replay, of which nothing more is done from the return on; one that is over stays as it is, and
        None is for one that was not asked for. Waits for the end of a part. Events that a part has appended
        before it was cut off are not counted: their letters stay, and another replay finds duplicates."""
        values = {"app_id": app_id, "request_id": request_id, "actor": actor}
        async with self._engine.begin() as connection:
            await connection.execute(_CANCEL, values)
            return await _find(connection, app_id, request_id)

    async def delete(self, before: datetime) -> int:
        """See `expiry.ExpiredReplays`; in transactions of _ROWS_AT_A_TIME rows."""
        deleted = 0
        while True:
            async with self._engine.begin() as connection:
                values = {"before": before, "rows": _ROWS_AT_A_TIME}
                rows = (await connection.execute(_DELETE_ENDED, values)).rowcount
            deleted += rows
            if rows < _ROWS_AT_A_TIME:
                return deleted

    async def older(self, before: datetime) -> list[tuple[str, int, datetime]]:
        """See `expiry.ExpiredReplays`."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(_ENDED, {"before": before})
            return [(app_id, replays, oldest) for app_id, replays, oldest in rows]

    @asynccontextmanager
    async def next_part(self) -> AsyncIterator[ReplayPart | None]:
        """The next part of a replay whose turn it is, None if there is none. What it does is done together
        at the end of the block, or not at all after an error. Until then no person is fenced."""
        async with self._engine.begin() as connection:
            row = (await connection.execute(_NEXT)).one_or_none()
            if row is None:
                yield None
                return
            replay = _replay(*row)
            # Before any letter is locked, as the writer of letters does it.
            await fenced_apps(connection, (replay.request.selection.app_id,))
            yield ReplayPart(connection, replay, self._pseudonymizer)


async def _find(connection: AsyncConnection, app_id: str, request_id: uuid.UUID) -> Replay | None:
    values = {"app_id": app_id, "request_id": request_id}
    row = (await connection.execute(_ONE, values)).one_or_none()
    return _replay(*row) if row else None


def _plain(selection: LetterSelection) -> Mapping[str, Any]:
    plain = asdict(selection)
    for name in ("received_from", "received_to"):
        moment = plain[name]
        plain[name] = moment.isoformat() if moment else None
    return plain


def _selection(plain: Mapping[str, Any]) -> LetterSelection:
    start, end = (
        datetime.fromisoformat(plain[name]) if plain[name] else None
        for name in ("received_from", "received_to")
    )
    return LetterSelection(
        plain["app_id"],
        tuple(plain["reasons"]),
        tuple(plain["fields"]),
        tuple(plain["names"]),
        plain["stage"],
        start,
        end,
    )


def _replay(
    request_id: uuid.UUID,
    _: str,
    selection: Mapping[str, Any],
    dry_run: bool,
    events_per_second: int,
    max_rejected_share: float,
    requested_by: str,
    requested_at: datetime,
    state: str,
    stopped_because: str,
    finished_at: datetime | None,
    position: Sequence[str] | None,
    counts: Mapping[str, Mapping[str, int]],
    rejected_now: Mapping[str, int],
) -> Replay:
    request = ReplayRequest(
        request_id, _selection(selection), dry_run, events_per_second, max_rejected_share
    )
    place = (datetime.fromisoformat(position[0]), uuid.UUID(position[1])) if position else None
    return Replay(
        request,
        requested_by,
        requested_at,
        ReplayState(state),
        stopped_because,
        finished_at,
        place,
        counts,
        rejected_now,
    )
