"""Session: when it began, worked out from its events in whatever order they come."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from services.enrich.model import Session, WorkBatch
from services.enrich.ports import SessionStore

# One event's part in its session: session id, time (microseconds), page, referrer.
Sighting = tuple[str, int, str, str]


class SessionStep:
    """Says of each event when its session began, as far as is known when the event is stored.

    A chunk costs one call of the store for each app and shard, however many its sessions are.
    """

    name = "session"
    outputs = ("session_started_at",)

    def __init__(self, sessions: SessionStore) -> None:
        self._sessions = sessions

    async def run(self, batches: Sequence[WorkBatch]) -> None:
        """Looks up the batches' sessions, and remembers those that began earlier than was known."""
        by_hash: defaultdict[tuple[str, int], list[WorkBatch]] = defaultdict(list)
        for batch in batches:
            by_hash[batch.app_id, batch.shard].append(batch)
        # In one write, so that Redis has them on disk at once.
        found = await asyncio.gather(
            *(self._note(*key, _sightings(group)) for key, group in by_hash.items())
        )
        for group, sessions in zip(by_hash.values(), found, strict=True):
            for batch in group:
                batch.found["session_started_at"] = [
                    sessions[event.session_id].started_at_us
                    if event and event.session_id in sessions
                    else None
                    for event in batch.enriched
                ]

    async def _note(
        self, app_id: str, shard: int, sightings: Sequence[Sighting]
    ) -> Mapping[str, Session]:
        if not sightings:
            return {}
        sessions = fold_sessions(sightings)
        return {**sessions, **await self._sessions.note(app_id, shard, sessions)}


def fold_sessions(sightings: Iterable[Sighting]) -> dict[str, Session]:
    """The sessions of `sightings`, each with its beginning, which does not depend on their order."""
    sessions: dict[str, Session] = {}
    for session_id, occurred_at_us, page, referrer in sightings:
        session = sessions.get(session_id)
        # Most events come after the beginning of their session.
        if session is None or occurred_at_us <= session.started_at_us:
            sighted = Session(occurred_at_us, page, referrer)
            if session is None or begins_before(sighted, session):
                sessions[session_id] = sighted
    return sessions


def begins_before(session: Session, other: Session) -> bool:
    """Which of two beginnings of one session counts: the earlier one; of the same time, the one with the
    greater landing page, then the greater referrer, in the order of code points. So a text precedes an empty
    one. `sessions/session_script.lua` decides alike, and a test compares the two."""
    if session.started_at_us != other.started_at_us:
        return session.started_at_us < other.started_at_us
    return (session.landing_page, session.referrer) > (other.landing_page, other.referrer)


def _sightings(batches: Sequence[WorkBatch]) -> list[Sighting]:
    return [
        (event.session_id, event.occurred_at_us, event.context.page_url, event.context.referrer)
        for batch in batches
        for position, event in enumerate(batch.enriched)
        if event and event.session_id and position not in batch.fenced
    ]
