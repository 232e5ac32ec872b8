"""The mirror in Redis: one hash for each app and shard (`libs.consent.keys`)."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import hiredis

from libs.common.errors import Unavailable
from libs.common.ids import new_uuid7_text
from libs.common.sharding import shard_of
from libs.consent import READY_FIELD, consent_key, ready_marker
from libs.consent.keys import ERASED_FIELD, RESERVED_PREFIX, is_erased_id
from libs.stores.redis_connection import RedisConnection

# Writes (field, state) pairs, each unless the hash has a newer one: never older over newer, however
# late a write arrives. Returns the highest newer version found, 0 if there is none. The
# same state again does not count, so that a write may be repeated. A state of the same version without `;`,
# which a release before this one wrote, says less and is replaced.
PUT_IF_NEWER = """
local newest_found = 0
for i = 1, #ARGV, 2 do
  local stored = redis.call('HGET', KEYS[1], ARGV[i])
  local stored_version = stored and tonumber(string.match(stored, '^%d+')) or -1
  local version = tonumber(string.match(ARGV[i + 1], '^%d+'))
  if version > stored_version or
      (version == stored_version and string.match(ARGV[i + 1], '^%d+;')
       and not string.match(stored, '^%d+;')) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  elseif stored ~= ARGV[i + 1] and stored_version > newest_found then
    newest_found = stored_version
  end
end
return newest_found
"""

# Sets the ready marker (field ARGV[3], value ARGV[4]) if the filler's fence (field ARGV[1], value ARGV[2]) is
# still there, and removes the fence; last, because a hash that is empty in between would become a list again
# (`_PADDING`). Returns 1 if so, else 0.
END_FILL = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
"""

# A hash with a value longer than `hash-max-ziplist-value` (64) becomes a hash table for good. As a
# list, which Redis prefers below 512 fields, it would be searched from the start for each subject: a
# batch of 1,000 took 5 ms instead of 0.3.
_PADDING = b"." * 64


class RedisConsentMirror:
    """See `ports.ConsentMirror`. The connection is the caller's to start and close."""

    def __init__(self, connection: RedisConnection, shards: int) -> None:
        self._connection = connection
        self._shards = shards
        # Its own, so that two processes that fill at once do not remove each other's fence.
        self._fence = RESERVED_PREFIX + b"filling:" + new_uuid7_text().encode()

    async def put(self, app_id: str, states: Mapping[str, bytes]) -> int:
        if any(map(is_erased_id, states)):
            await self._note_erased(app_id)
        pairs: dict[int, list[bytes | str | int]] = {}
        for subject_id, text in states.items():
            shard = shard_of(app_id, subject_id, self._shards)
            pairs.setdefault(shard, []).extend((subject_id, text))
        with _unavailable():
            return max(
                [
                    int(await self._script(PUT_IF_NEWER, app_id, shard, *arguments))
                    for shard, arguments in pairs.items()
                ],
                default=0,
            )

    async def remove(self, app_id: str, subject_id: str) -> None:
        """See the port."""
        shard = shard_of(app_id, subject_id, self._shards)
        with _unavailable():
            await self._connection.execute("HDEL", consent_key(app_id, shard), subject_id)

    async def ready(self, app_id: str) -> bool:
        with _unavailable():
            for shard in range(self._shards):
                marker = await self._connection.execute(
                    "HGET", consent_key(app_id, shard), READY_FIELD
                )
                if marker is None or marker != self._marker():
                    return False
        return True

    async def begin_fill(self, app_id: str) -> None:
        with _unavailable():
            for shard in range(self._shards):
                await self._connection.execute(
                    "HSET", consent_key(app_id, shard), self._fence, self._run_id() + _PADDING
                )

    async def end_fill(self, app_id: str) -> bool:
        with _unavailable():
            for shard in range(self._shards):
                run_id = self._run_id()
                if not await self._script(
                    END_FILL,
                    app_id,
                    shard,
                    self._fence,
                    run_id + _PADDING,
                    READY_FIELD,
                    self._marker(),
                ):
                    return False
        return True

    async def _note_erased(self, app_id: str) -> None:
        """Has readers look for people who were erased, before any of them is there."""
        with _unavailable():
            for shard in range(self._shards):
                await self._connection.execute(
                    "HSET", consent_key(app_id, shard), ERASED_FIELD, "1"
                )

    def _marker(self) -> bytes:
        return ready_marker(self._run_id(), self._shards)

    def _run_id(self) -> bytes:
        """Of the server that the next command goes to."""
        run_id = self._connection.run_id
        if run_id is None:
            raise ConnectionError("no connection to Redis")
        return run_id

    async def _script(self, script: str, app_id: str, shard: int, *arguments: Any) -> Any:
        key = consent_key(app_id, shard)
        return await self._connection.execute("EVAL", script, 1, key, *arguments)


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (OSError, hiredis.HiredisError) as error:
        raise Unavailable("Redis does not answer", retry_after_seconds=1.0) from error
