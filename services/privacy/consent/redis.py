"""The mirror in Redis: one hash for each app and shard (`libs.consent.keys`)."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import hiredis

from libs.common.errors import Unavailable
from libs.common.ids import new_uuid7_text
from libs.common.sharding import shard_of
from libs.consent import READY_FIELD, consent_key, ready_marker
from libs.consent.keys import (
    ERASED_EVERYWHERE,
    ERASED_FIELD,
    RESERVED_PREFIX,
    erased_id,
    is_erased_id,
)
from libs.consent.reader import Pseudonyms
from libs.stores.redis_connection import RedisConnection

# Writes (field, state) pairs, each unless the hash has a newer one: never older over newer, however
# late a write arrives. Returns the highest newer version found, 0 if there is none. The
# same state again does not count, so that a write may be repeated. A state of the same version without `;`,
# which a release before this one wrote, says less and is replaced. Behind each pair are ARGV[1] fields that
# stand for the person after an erasure: what was recorded before that is not written again, if it was read
# before and is written late; nor is it written that nothing is recorded.
PUT_IF_NEWER = """
local newest_found = 0
local erased_fields = tonumber(ARGV[1])
for i = 2, #ARGV, 2 + erased_fields do
  local erased_version = -1
  for j = i + 2, i + 1 + erased_fields do
    local erased = redis.call('HGET', KEYS[1], ARGV[j])
    erased_version = math.max(erased_version, erased and tonumber(string.match(erased, '^%d+')) or -1)
  end
  local stored = redis.call('HGET', KEYS[1], ARGV[i])
  local stored_version = stored and tonumber(string.match(stored, '^%d+')) or -1
  local version = tonumber(string.match(ARGV[i + 1], '^%d+'))
  if version <= erased_version then
    newest_found = math.max(newest_found, erased_version)
  elseif erased_version >= 0 and not string.find(ARGV[i + 1], ' ') then
    redis.call('HDEL', KEYS[1], ARGV[i])
  elseif version > stored_version or
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
# (`_PADDING`). If there are erased people (field ARGV[5]), they are in all shards now (value ARGV[6]).
# Returns 1 if so, else 0.
END_FILL = """
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
if redis.call('HEXISTS', KEYS[1], ARGV[5]) == 1 then redis.call('HSET', KEYS[1], ARGV[5], ARGV[6]) end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
"""

# A hash with a value longer than `hash-max-ziplist-value` (64) becomes a hash table for good. As a
# list, which Redis prefers below 512 fields, it would be searched from the start for each subject: a
# batch of 1,000 took 5 ms instead of 0.3.
_PADDING = b"." * 64


class RedisConsentMirror:
    """See `ports.ConsentMirror`. The connection is the caller's to start and close."""

    def __init__(
        self,
        connection: RedisConnection,
        shards: int,
        pseudonyms: Pseudonyms,
    ) -> None:
        """`pseudonyms`: all that a person has had, under which the "no" of an erased person is kept."""
        self._connection = connection
        self._shards = shards
        self._pseudonyms = pseudonyms
        # Its own, so that two processes that fill at once do not remove each other's fence.
        self._fence = RESERVED_PREFIX + b"filling:" + new_uuid7_text().encode()

    async def put(self, app_id: str, states: Mapping[str, bytes]) -> int:
        if any(map(is_erased_id, states)):
            await self._note_erased(app_id)
        people: dict[int, list[bytes | str | int]] = {}
        erased: dict[int, list[bytes | str | int]] = {}
        fields = 0
        for subject_id, text in states.items():
            if is_erased_id(subject_id):
                # In all shards: nothing says in which one the person was.
                for shard in range(self._shards):
                    erased.setdefault(shard, []).extend((subject_id, text))
                continue
            stand_ins = [erased_id(each) for each in self._pseudonyms(app_id, subject_id)]
            fields = len(stand_ins)
            shard = shard_of(app_id, subject_id, self._shards)
            people.setdefault(shard, []).extend((subject_id, text, *stand_ins))
        with _unavailable():
            # First those who were erased: the others are compared with them.
            newer = [
                int(await self._script(PUT_IF_NEWER, app_id, shard, count, *arguments))
                for count, by_shard in ((0, erased), (fields, people))
                for shard, arguments in by_shard.items()
            ]
        return max(newer, default=0)

    async def has(self, app_id: str, subject_id: str) -> bool:
        """See the port."""
        shard = shard_of(app_id, subject_id, self._shards)
        with _unavailable():
            key = consent_key(app_id, shard)
            return bool(await self._connection.execute("HEXISTS", key, subject_id))

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
                    ERASED_FIELD,
                    ERASED_EVERYWHERE,
                ):
                    return False
        return True

    async def _note_erased(self, app_id: str) -> None:
        """Has readers look for people who were erased, before any of them is there."""
        with _unavailable():
            for shard in range(self._shards):
                # As the first one of the app, or as those that are there: see `ERASED_EVERYWHERE`.
                await self._connection.execute(
                    "HSETNX", consent_key(app_id, shard), ERASED_FIELD, ERASED_EVERYWHERE
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
