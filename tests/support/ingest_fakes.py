"""Ingest's ports in memory. `tests/contract/ingest` proves them against Redis."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from services.ingest.intake.model import Append, Appended


class BatchIds:
    """Ids from 1 on, 16 bytes each."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self) -> bytes:
        return next(self._numbers).to_bytes(16, "big")


class MemoryConsentStates:
    """Implements `ports.ConsentMirrorReader` with the states of one app; remembers what it was asked.
    `before_read` is called before each answer."""

    def __init__(self, states: Mapping[str, bytes] | None = None, app_id: str = "chess") -> None:
        self.states = dict(states or {})
        self.asked: list[list[str]] = []
        self.before_read: Callable[[], None] = lambda: None
        self._app_id = app_id

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> list[bytes | None]:
        self.before_read()
        self.asked.append(list(subject_ids))
        states = self.states if app_id == self._app_id else {}
        return [states.get(subject_id) for subject_id in subject_ids]


class MemoryRawStream:
    """Implements `ports.RawStream`: keeps what is appended and forgets no id. Full for the shards that a test
    names."""

    def __init__(self) -> None:
        # What was appended, and which of its events were seen before.
        self.appends: list[tuple[int, Append]] = []
        self.skipped: list[frozenset[int]] = []
        self.full_shards: set[int] = set()
        self._ids: dict[tuple[int, str], _Seen] = defaultdict(_Seen)
        self._keys: dict[tuple[int, str], _Seen] = defaultdict(_Seen)

    async def append(self, shard: int, append: Append) -> Appended | None:
        if shard in self.full_shards:
            return None
        place = shard, append.app_id
        repeated = any(
            seen.has_batch(append.batch_id) for seen in (self._ids[place], self._keys[place])
        )
        duplicates: set[int] = set()
        conflicts = self._ids[place].mark(append, append.event_uuids, duplicates)
        conflicts |= self._keys[place].mark(append, append.idempotency_uuids, duplicates)
        if not repeated and (len(duplicates) < len(append.events) or append.dead_letters):
            self.appends.append((shard, append))
            self.skipped.append(frozenset(duplicates))
        return Appended(frozenset(duplicates), frozenset(conflicts))


class _Seen:
    """Ids of one kind: the batch and the fingerprint with which each came first."""

    def __init__(self) -> None:
        self._first: dict[bytes, tuple[bytes, bytes]] = {}

    def has_batch(self, batch_id: bytes) -> bool:
        return any(first == batch_id for first, _ in self._first.values())

    def mark(self, append: Append, uuids: bytes, duplicates: set[int]) -> set[int]:
        """Adds the positions of events whose id was seen; returns those that differ from the first."""
        conflicts = set()
        in_batch: set[bytes] = set()
        for position in range(len(uuids) // 16):
            uuid = uuids[16 * position : 16 * position + 16]
            if uuid == bytes(16) or position in duplicates:
                continue
            fingerprint = append.fingerprints[4 * position : 4 * position + 4]
            batch_id, first = self._first.setdefault(uuid, (append.batch_id, fingerprint))
            if uuid in in_batch or batch_id != append.batch_id:
                duplicates.add(position)
                if first != fingerprint:
                    conflicts.add(position)
            in_batch.add(uuid)
        return conflicts
