"""What is known about sessions, in Redis.

Sessions are kept in one hash per app, shard and window of the idle time; a session is looked up in this
window and the last one, and written into this one if it goes on. So a chunk costs one call per app and
shard, whatever the number of its sessions, and sessions are forgotten when a whole hash expires: two windows
after it was last written, and so at the end of the third at the latest.

Another replica may write the same sessions at any time. Whatever the order, the earlier beginning stays.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import orjson

from libs.common.clock import Clock
from libs.common.sharding import shard_key
from libs.stores.redis_commands import RedisCommands
from services.enrich.model import Session
from services.enrich.steps.session import begins_before

# Of the hashes that Redis may still have, the newest first: a session of an older one has ended.
_LOOKED_UP = 2
SESSION_SCRIPT = Path(__file__).with_name("session_script.lua")


class RedisSessionStore:
    """Implements `ports.SessionStore`: reads and writes the sessions of one app and shard at a time."""

    def __init__(self, commands: RedisCommands, clock: Clock, idle_seconds: int) -> None:
        self._commands = commands
        self._script = commands.script(SESSION_SCRIPT.read_text())
        self._clock = clock
        self._window_seconds = idle_seconds

    async def note(
        self, app_id: str, shard: int, sessions: Mapping[str, Session], *, remember: bool = True
    ) -> dict[str, Session]:
        """See `ports.SessionStore`."""
        given: list[str] = []
        for session_id, session in sessions.items():
            beginning = (session.started_at_us, session.landing_page, session.referrer)
            given += (session_id, orjson.dumps(beginning).decode())
        found = await self._script.run(
            self._keys(app_id, shard)[:_LOOKED_UP],
            [2 * self._window_seconds if remember else "", orjson.dumps(given)],
        )
        return {
            session_id: Session(*orjson.loads(known))
            for session_id, known in zip(sessions, found, strict=True)
            if known is not None
        }

    async def known(
        self, app_id: str, shards: Collection[int], session_ids: Sequence[str]
    ) -> dict[str, Session]:
        """Those sessions that are remembered in these shards, with their beginnings; changes nothing."""
        if not session_ids:
            return {}
        keys = [key for shard in shards for key in self._keys(app_id, shard)]
        found: dict[str, Session] = {}
        for known in await self._commands.run(*(("HMGET", key, *session_ids) for key in keys)):
            for session_id, beginning in zip(session_ids, known, strict=True):
                if beginning is not None:
                    session = Session(*orjson.loads(beginning))
                    earlier = found.setdefault(session_id, session)
                    if begins_before(session, earlier):
                        found[session_id] = session
        return found

    async def forget(self, app_id: str, shards: int, session_ids: Sequence[str]) -> int:
        """Forgets sessions; how many were there. One that goes on is in several hashes, and counts once."""
        if not session_ids:
            return 0
        there = await self.known(app_id, range(shards), session_ids)
        await self._commands.run(
            *(
                ("HDEL", key, *session_ids)
                for shard in range(shards)
                for key in self._keys(app_id, shard)
            )
        )
        return len(there)

    def _keys(self, app_id: str, shard: int) -> list[str]:
        """All hashes that Redis may still have, the newest first."""
        window = self._clock.now_us() // 1_000_000 // self._window_seconds
        return [
            shard_key("enrich", shard, "sessions", app_id, str(window - age)) for age in range(3)
        ]
