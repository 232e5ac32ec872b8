"""What is known about sessions, in Redis.

Sessions are kept in one hash per app, shard and window of the idle time; a session is looked up in this
window and the last one, and written into this one if it goes on. So a chunk costs two reads and one write
per app and shard, whatever the number of its sessions, and sessions are forgotten when a whole hash expires.

Another replica may read and write the same sessions in between. Whatever the order, the earlier
beginning stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import orjson
from redis.asyncio import Redis

from libs.common.clock import Clock
from libs.common.sharding import shard_key
from services.enrich.model import Session
from services.enrich.steps.session import fold_sessions

SESSION_SCRIPT = Path(__file__).with_name("session_script.lua")


class RedisSessionStore:
    """Implements `ports.SessionStore`: reads and writes the sessions of one app and shard at a time."""

    def __init__(self, redis: Redis, clock: Clock, idle_seconds: int) -> None:
        self._redis = redis
        self._script = redis.register_script(SESSION_SCRIPT.read_text())
        self._clock = clock
        self._window_seconds = idle_seconds

    async def load(
        self, app_id: str, shard: int, session_ids: Sequence[str]
    ) -> tuple[dict[str, Session], set[str]]:
        """The sessions that are known, and the ids of those that this window has as they are."""
        current, last = self._keys(app_id, shard)
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.hmget(current, session_ids)
            pipeline.hmget(last, session_ids)
            now, before = await pipeline.execute()
        present: dict[str, Session] = {}
        olders = []
        for session_id, value, older in zip(session_ids, now, before, strict=True):
            if value is not None:
                present[session_id] = Session(*orjson.loads(value))
            if older is not None and older != value:
                olders.append((session_id, *orjson.loads(older)))
        # In both windows, and earlier in the last one: a replica whose clock is behind wrote it there.
        sessions = fold_sessions(present, olders)
        return sessions, {key for key, session in present.items() if sessions[key] is session}

    async def save(self, app_id: str, shard: int, sessions: Mapping[str, Session]) -> None:
        """Writes sessions into this window, but for those of which it has an earlier beginning."""
        current, _ = self._keys(app_id, shard)
        await self._script(keys=[current], args=[2 * self._window_seconds, *_flat(sessions)])

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
