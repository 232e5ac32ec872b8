"""Enrich's Redis: what is known about sessions.

Sessions lie in one hash per app and window of the idle time; a session is looked up in this window
and the last one, and one that goes on is carried over. So a chunk costs two reads and one write per
app, whatever the number of its sessions, and forgetting is the expiry of a whole hash.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson
from redis.asyncio import Redis

from libs.common.clock import Clock
from libs.common.sharding import shard_key
from services.enrich.model import Session


class SessionStore:
    """Reads and writes the sessions of one app and shard at a time."""

    def __init__(self, redis: Redis, clock: Clock, idle_seconds: int) -> None:
        self._redis = redis
        self._clock = clock
        self._window_seconds = idle_seconds

    async def load(
        self, app_id: str, shard: int, session_ids: Sequence[str]
    ) -> tuple[dict[str, Session], set[str]]:
        """The sessions that are known, and which of them already lie in this window."""
        current, last = self._keys(app_id, shard)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hmget(current, session_ids)
            pipeline.hmget(last, session_ids)
            now, before = await pipeline.execute()
        sessions: dict[str, Session] = {}
        present: set[str] = set()
        for session_id, value, older in zip(session_ids, now, before, strict=True):
            if value is not None:
                present.add(session_id)
            if text := value or older:
                sessions[session_id] = Session(*orjson.loads(text))
        return sessions, present

    async def save(self, app_id: str, shard: int, sessions: Mapping[str, Session]) -> None:
        """Writes sessions into this window."""
        if not sessions:
            return
        current, _ = self._keys(app_id, shard)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hset(current, items=list(_flat(sessions)))
            pipeline.expire(current, 2 * self._window_seconds)
            await pipeline.execute()

    def _keys(self, app_id: str, shard: int) -> tuple[str, str]:
        window = self._clock.now_us() // 1_000_000 // self._window_seconds
        return (
            shard_key("enrich", shard, "sessions", app_id, str(window)),
            shard_key("enrich", shard, "sessions", app_id, str(window - 1)),
        )


def _flat(sessions: Mapping[str, Session]) -> Iterable[str | bytes]:
    for session_id, session in sessions.items():
        yield session_id
        yield orjson.dumps((session.started_at_us, session.landing_page, session.referrer))
