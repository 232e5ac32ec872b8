"""Erasing a person from the entries of a group's quarantine.

Redis and Postgres share no transaction. So what will be done to an entry is written down first, and done by
the next call: after a kill in between, an entry that is gone counts with what was written down.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

from google.protobuf.message import DecodeError
from redis.asyncio import Redis

from libs.catalog import Catalog, Catalogs
from libs.common.mentions import is_long_id
from libs.common.subject_data import Erasure
from libs.stores.erasure_journal import ErasureEntry
from libs.streams.compression import decompress
from libs.streams.entries import Fields
from libs.streams.names import quarantine_stream
from libs.streams.quarantine_expiry import came_ms
from libs.streams.quarantined_batches import Remainder

# In one answer of Redis: of the largest entries, 4 MiB, no more memory than a chunk takes.
_PAGE = 16
_PAGES_AT_A_TIME = 20
UNREADABLE = "no reader can tell what they hold; they go when their time in quarantine is over"
# Of an entry, an erasure, and the app's catalog if there is one: None if the entry has nothing of the person.
# Raises DecodeError and KeyError.
Without = Callable[[Fields, Erasure, Catalog | None], Remainder | None]
# Of an entry: its id, and how many events will be erased and anonymized.
_Planned = tuple[str, int, int]


class QuarantineErasure:
    """The quarantine of one group, as a store of its service; `without` says what is left of an entry."""

    def __init__(
        self, redis: Redis, catalogs: Catalogs, group: str, shards: int, without: Without
    ) -> None:
        self._redis = redis
        self._catalogs = catalogs
        self._streams = [quarantine_stream(group, shard) for shard in range(shards)]
        self._store = f"{group}.quarantine"
        self._without = without

    async def erase(self, erasure: Erasure, entry: ErasureEntry) -> bool:
        """Does a bounded part of the work, in the transaction that has opened the journal's `entry`. Whether
        nothing of the person is left that can be read. Raises what Redis raises."""
        entry.add(self._store)
        position = entry.position.setdefault(
            "quarantine", {"shard": 0, "after": "-", "planned": []}
        )
        if position["planned"]:
            for planned in position["planned"]:
                await self._replace(position["shard"], planned, erasure)
                entry.add(self._store, erased=planned[1], anonymized=planned[2])
            position["planned"] = []
            return False
        for _ in range(_PAGES_AT_A_TIME):
            if position["shard"] >= len(self._streams):
                return True
            page = await self._page(self._streams[position["shard"]], position["after"])
            if not page:
                position |= {"shard": position["shard"] + 1, "after": "-"}
                continue
            unreadable = self._plan(page, erasure, position["planned"])
            if unreadable:
                position["unreadable"] = position.get("unreadable", 0) + unreadable
                entry.withhold(self._store, position["unreadable"], UNREADABLE)
            position["after"] = f"({page[-1][0]}"
            if position["planned"]:
                return False
        return False

    def _plan(
        self, page: Sequence[tuple[str, Fields]], erasure: Erasure, planned: list[_Planned]
    ) -> int:
        """Adds to what will be done; how many entries cannot be read."""
        unreadable = 0
        for entry_id, fields in page:
            try:
                left = self._left_of(fields, erasure)
            except (DecodeError, KeyError):
                if not _stands_in(fields, erasure):
                    unreadable += 1
                    continue
                left = Remainder(None, 1)
            if left is not None:
                planned.append((entry_id, left.erased, left.anonymized))
        return unreadable

    async def _replace(self, shard: int, planned: _Planned, erasure: Erasure) -> None:
        """Puts what is left in the place of an entry, as a new one that remembers when it came."""
        stream, entry_id = self._streams[shard], planned[0]
        found = await self._page(stream, entry_id, entry_id)
        if not found:
            return
        [(_, fields)] = found
        left: Fields | None = None
        with suppress(DecodeError, KeyError):
            remainder = self._left_of(fields, erasure)
            left = remainder.fields if remainder is not None else fields
        async with self._redis.pipeline(transaction=True) as pipeline:
            if left is not None:
                new: dict[Any, Any] = {**left, b"since": came_ms(entry_id, fields)}
                pipeline.xadd(stream, new)
            pipeline.xdel(stream, entry_id)
            await pipeline.execute()

    def _left_of(self, fields: Fields, erasure: Erasure) -> Remainder | None:
        newest = self._catalogs.newest(erasure.subject.app_id)
        return self._without(fields, erasure, newest.catalog if newest else None)

    async def _page(self, stream: str, first: str, last: str = "+") -> list[tuple[str, Fields]]:
        found = await self._redis.xrange(stream, min=first, max=last, count=_PAGE)
        entries = cast(list[tuple[bytes, Fields]], found)
        return [(entry_id.decode(), fields) for entry_id, fields in entries]


def _stands_in(fields: Fields, erasure: Erasure) -> bool:
    """Whether an id of the person stands in an entry that cannot be read; a short one may by chance."""
    if erasure.names is not None:
        return False
    ids = [each.encode() for each in erasure.subject.ids if is_long_id(each)]
    texts = list(fields.values())
    with suppress(DecodeError, KeyError):
        texts.append(decompress(fields[b"batch"]))
    return any(each in text for each in ids for text in texts)
