"""Reads what enrich holds about one person: events, sessions, and what Redis knows of sessions under way."""

from collections.abc import AsyncIterator
from datetime import timedelta

import orjson
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.clock import moment_of
from libs.common.sharding import shard_of
from libs.common.subject_data import Export, HeldRows
from libs.events.postgres import snapshot_connection
from libs.events.subject_rows import EVENTS, RECENT_SESSIONS, SESSIONS, of_person
from libs.stores.json_rows import json_rows
from services.enrich.model import Session
from services.enrich.sessions.redis import RedisSessionStore
from services.enrich.settings import EnrichSettings


class SubjectRows:
    """The rows about a person, of one snapshot of Postgres."""

    def __init__(
        self, engine: AsyncEngine, sessions: RedisSessionStore, settings: EnrichSettings
    ) -> None:
        self._engine = engine
        self._sessions = sessions
        self._shards = settings.shards
        # A hash of sessions lives for two idle times after the last event that it took in.
        self._remembered = 3 * timedelta(seconds=settings.session_idle_seconds)

    async def read(self, export: Export) -> AsyncIterator[HeldRows]:
        """See `libs.common.subject_data`. Raises what Postgres and Redis raise."""
        parameters = of_person(export)
        subject = export.subject
        recent: list[str] = []
        async with snapshot_connection(self._engine) as connection:
            for kind, query in (("events", EVENTS), ("sessions", SESSIONS)):
                async for lines in json_rows(connection, query, parameters):
                    yield HeldRows("enrich.events", kind, lines)
            since = {"since": export.received_before - self._remembered}
            async for lines in json_rows(connection, RECENT_SESSIONS, {**parameters, **since}):
                recent += (orjson.loads(line)["session_id"] for line in lines)
        shards = {shard_of(subject.app_id, each, self._shards) for each in subject.ids}
        known = await self._sessions.known(subject.app_id, sorted(shards), recent)
        if known:
            yield HeldRows(
                "enrich.sessions",
                "open_sessions",
                list(map(_line, *zip(*known.items(), strict=True))),
            )


def _line(session_id: str, session: Session) -> bytes:
    return orjson.dumps(
        {
            "session_id": session_id,
            "started_at": moment_of(session.started_at_us),
            "landing_page": session.landing_page,
            "referrer": session.referrer,
        }
    )
