"""Erasing a person from the entries of a group's quarantine.

Redis and Postgres share no transaction. So what will be done to an entry is written down first, and done by
the next call: after a kill in between, an entry that is gone counts with what was written down.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import structlog
from google.protobuf.message import DecodeError
from redis.asyncio import Redis

from libs.catalog import Catalog, Catalogs
from libs.common.subject_data import Erasure
from libs.stores.erasure_journal import ErasureEntry
from libs.streams.compression import decompress
from libs.streams.entries import Fields
from libs.streams.names import quarantine_stream
from libs.streams.quarantine_expiry import came_ms
from libs.streams.quarantined_batches import UNREADABLE, Remainder, stands_in

log = structlog.get_logger()
# In one answer of Redis: of the largest entries, 4 MiB, no more memory than a chunk takes.
_PAGE = 16
_PAGES_AT_A_TIME = 20
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
            if withheld := await self._plan(page, erasure, position["planned"]):
                withheld.update(position.get("withheld", {}))
                position["withheld"] = dict(withheld)
                entry.withhold(self._store, withheld.total(), "; ".join(sorted(withheld)))
            position["after"] = f"({page[-1][0]}"
            if position["planned"]:
                return False
        return False

    async def _plan(
        self, page: Sequence[tuple[str, Fields]], erasure: Erasure, planned: list[_Planned]
    ) -> Counter[str]:
        """Adds to what will be done; what stays, by the reason. What stays in an entry that will be replaced
        counts with the one that takes its place, which is behind all others."""
        withheld = Counter[str]()
        for entry_id, fields in page:
            # An entry of the largest batches takes as long as a chunk: others are served in between.
            await asyncio.sleep(0)
            left = self._left_of(entry_id, fields, erasure)
            if left is None:
                continue
            if left.is_changed:
                planned.append((entry_id, left.erased, left.anonymized))
            else:
                withheld.update(left.withheld)
        return withheld

    async def _replace(self, shard: int, planned: _Planned, erasure: Erasure) -> None:
        """Puts what is left in the place of an entry, as a new one that remembers when it came."""
        stream, entry_id = self._streams[shard], planned[0]
        found = await self._page(stream, entry_id, entry_id)
        if not found:
            return
        [(_, fields)] = found
        remainder = self._left_of(entry_id, fields, erasure)
        if remainder is None or not remainder.is_changed:
            return
        left = remainder.fields
        async with self._redis.pipeline(transaction=True) as pipeline:
            if left is not None:
                new: dict[Any, Any] = {**left, b"since": came_ms(entry_id, fields)}
                pipeline.xadd(stream, new)
            pipeline.xdel(stream, entry_id)
            await pipeline.execute()

    def _left_of(self, entry_id: str, fields: Fields, erasure: Erasure) -> Remainder | None:
        newest = self._catalogs.newest(erasure.subject.app_id)
        try:
            return self._without(fields, erasure, newest.catalog if newest else None)
        except Exception as error:
            # Any: what readers could not handle is here, and must not hold up the erasure.
            if not isinstance(error, DecodeError | KeyError):
                log.warning("quarantine_unreadable", entry_id=entry_id, error=type(error).__name__)
        if _stands_in(fields, erasure):
            return Remainder(None, 1)
        return Remainder(fields, withheld={UNREADABLE: 1})

    async def _page(self, stream: str, first: str, last: str = "+") -> list[tuple[str, Fields]]:
        found = await self._redis.xrange(stream, min=first, max=last, count=_PAGE)
        entries = cast(list[tuple[bytes, Fields]], found)
        return [(entry_id.decode(), fields) for entry_id, fields in entries]


def _stands_in(fields: Fields, erasure: Erasure) -> bool:
    """Whether an id of the person stands in an entry that cannot be read, compressed or not."""
    if erasure.names is not None:
        return False
    texts = list(fields.values())
    with suppress(DecodeError, KeyError):
        texts.append(decompress(fields[b"batch"]))
    return any(stands_in(each, erasure.subject) for each in texts)
