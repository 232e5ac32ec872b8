"""Reads what people have agreed to, and never answers from an incomplete mirror."""

import asyncio
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import hiredis

from libs.common.errors import Unavailable
from libs.common.sharding import shard_of
from libs.consent.keys import (
    ERASED_EVERYWHERE,
    ERASED_FIELD,
    READY_FIELD,
    consent_key,
    erased_id,
    ready_marker,
)
from libs.stores.redis_connection import RedisConnection

# All pseudonyms that a person has had: of an app and a subject.
Pseudonyms = Callable[[str, str], Sequence[str]]
# What one read gives: the encoded state of a person, None if nothing is recorded.
EncodedState = bytes | None
RETRY_AFTER_SECONDS = 0.2
# Under load, a single read waits this long for others, or until there are enough of them: those that
# share a command, and are answered together, cost a quarter less CPU than each alone (ADR 0003).
COALESCE_WINDOW_SECONDS = 0.001
COALESCE_MAX_READS = 16
# A caller that reads one state after another must not wait each time: after so many waits without a second
# read, none of the next reads waits.
IDLE_WINDOWS = 3
PROBE_EVERY_READS = 64
# Each of whom takes 300 bytes, if their app has people who were erased.
REMEMBERED_PEOPLE = 16_384
# Not printable, so privacy records nothing under it: a read of it finds nothing.
UNUSED_SUBJECT_ID = "\x01"


class ConsentUnavailable(Unavailable):
    """Consent cannot be read now, so nothing may be decided; least of all "allowed"."""

    default_reason = "CONSENT_UNAVAILABLE"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_seconds=RETRY_AFTER_SECONDS)


class ConsentReader:
    """Reads states from the mirror that privacy keeps in Redis.

    No answer is older than the call: each one is read from Redis after the call began, in the same
    atomic command as the ready marker, which says that this Redis server, in this run, holds everything that
    Postgres does. Without that marker (Redis was emptied, restarted, or not yet filled), and if
    Redis does not answer, every read raises ConsentUnavailable.

    A person is found in the shard of `shard_of(app_id, subject_id, shards)`. An id that is empty or
    begins with a NUL, which marks our own fields, names no person: nothing is recorded under it. Of people
    who were erased only a "no" is kept, under their pseudonyms: it is looked for if the app has such people
    and nothing else is recorded. The same command asks for it, of people of whom nothing was recorded when
    they were last asked about; a second one only of those who lost their record since.
    """

    def __init__(
        self,
        redis_url: str,
        shards: int,
        *,
        timeout_seconds: float = 1.0,
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self._connection = RedisConnection(redis_url, timeout_seconds=timeout_seconds)
        self._shards = shards
        self._pseudonyms = pseudonyms
        # Of the app and a person: what may stand for them. Making it takes some microseconds.
        self._stand_ins = lru_cache(maxsize=REMEMBERED_PEOPLE)(self._find_stand_ins)
        # Of apps with erased people who are in the hashes of all shards: people who had a record. Most likely
        # they have one still.
        self._recorded: dict[str, set[str]] = {}
        self._keys: dict[tuple[str, int], str] = {}
        self._coalesced: dict[tuple[str, int], _CoalescedReads] = {}
        # Of the reads that are collected now.
        self._timer: asyncio.TimerHandle | None = None
        self._reads_until_probe = PROBE_EVERY_READS
        self._idle_windows = 0

    async def start(self) -> None:
        """Connects; returns after the first attempt, and goes on trying if that failed. Before, and while
        there is no connection, every read raises ConsentUnavailable."""
        await self._connection.start()

    async def aclose(self) -> None:
        """Closes the connection; reads under way raise ConsentUnavailable."""
        await self._connection.aclose()

    async def read(self, app_id: str, subject_ids: Sequence[str]) -> list[EncodedState]:
        """The state of each person, in the order asked, with one command for each shard involved.

        Raises ConsentUnavailable.
        """
        if not subject_ids:
            return []
        if min(subject_ids) < "\x01":
            subject_ids = [_sanitized(subject_id) for subject_id in subject_ids]
        if self._shards == 1:
            return await self._read_shard(app_id, 0, subject_ids)
        places: dict[int, list[int]] = {}
        for place, subject_id in enumerate(subject_ids):
            places.setdefault(shard_of(app_id, subject_id, self._shards), []).append(place)
        parts = await asyncio.gather(
            *(
                self._read_shard(app_id, shard, [subject_ids[place] for place in chosen])
                for shard, chosen in places.items()
            )
        )
        answer: list[EncodedState] = [None] * len(subject_ids)
        for chosen, part in zip(places.values(), parts, strict=True):
            for place, state in zip(chosen, part, strict=True):
                answer[place] = state
        return answer

    def read_one(self, app_id: str, subject_id: str) -> "asyncio.Future[EncodedState]":
        """The future state of one person; reads that arrive together share one command.

        Together means in one loop tick, and under load within `COALESCE_WINDOW_SECONDS`. The future raises
        ConsentUnavailable.
        """
        # A future and not a coroutine: this is the path of every consent check.
        if subject_id < "\x01":
            subject_id = UNUSED_SUBJECT_ID
        loop = asyncio.get_running_loop()
        future: asyncio.Future[EncodedState] = loop.create_future()
        place = (app_id, shard_of(app_id, subject_id, self._shards) if self._shards > 1 else 0)
        reads = self._coalesced.get(place)
        if reads is None:
            if not self._coalesced:
                if self._reads_until_probe:
                    self._reads_until_probe -= 1
                    loop.call_soon(self._send_coalesced)
                else:
                    self._timer = loop.call_later(COALESCE_WINDOW_SECONDS, self._end_wait)
            reads = self._coalesced[place] = _CoalescedReads()
        reads.subject_ids.append(subject_id)
        reads.futures.append(future)
        if self._timer is not None and len(reads.futures) >= COALESCE_MAX_READS:
            self._end_wait()
        return future

    async def _read_shard(
        self, app_id: str, shard: int, subject_ids: Sequence[str]
    ) -> list[EncodedState]:
        future: asyncio.Future[list[EncodedState]] = asyncio.get_running_loop().create_future()

        def resolve(states: list[EncodedState]) -> None:
            if not future.done():
                future.set_result(states)

        def reject(error: ConsentUnavailable) -> None:
            if not future.done():
                future.set_exception(error)

        self._send((app_id, shard), subject_ids, resolve, reject)
        return await future

    def _end_wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if sum(len(reads.futures) for reads in self._coalesced.values()) > 1:
            self._idle_windows = 0
        else:
            self._idle_windows += 1
            if self._idle_windows == IDLE_WINDOWS:
                self._idle_windows, self._reads_until_probe = 0, PROBE_EVERY_READS
        self._send_coalesced()

    def _send_coalesced(self) -> None:
        collected, self._coalesced = self._coalesced, {}
        for place, reads in collected.items():
            self._send(place, reads.subject_ids, reads.resolve, reads.reject)
        self._connection.flush()

    def _send(
        self,
        place: tuple[str, int],
        subject_ids: Sequence[str],
        resolve: Callable[[list[EncodedState]], None],
        reject: Callable[[ConsentUnavailable], None],
    ) -> None:
        key = self._keys.get(place)
        if key is None:
            key = self._keys[place] = consent_key(*place)

        app_id = place[0]
        asked = self._to_ask(app_id, subject_ids)
        stand_ins = [kept for _, found in asked for kept in found]

        def receive(reply: Any, run_id: bytes) -> None:
            if type(reply) is not list:  # an error reply, or the end of the connection
                reject(ConsentUnavailable("consent cannot be read"))
                return
            if reply.pop() != ready_marker(run_id, self._shards):
                reject(ConsentUnavailable("consent is being restored"))
                return
            erased = reply.pop()
            kept = reply[len(subject_ids) :]
            del reply[len(subject_ids) :]
            if erased is not None and self._pseudonyms:
                is_everywhere = erased == ERASED_EVERYWHERE
                recorded = self._recorded_in(app_id, is_everywhere=is_everywhere)
                recorded.update(
                    subject_ids[position] for position, _ in asked if not _is_empty(reply[position])
                )
                if any(kept):
                    _put_in(reply, asked, kept)
                answered = {position for position, _ in asked if is_everywhere}
                if len(answered) < len(reply) and (
                    missing := [
                        position
                        for position, state in enumerate(reply)
                        if _is_empty(state) and position not in answered
                    ]
                ):
                    recorded.difference_update(subject_ids[position] for position in missing)
                    self._add_erased(app_id, subject_ids, missing, reply, resolve, reject)
                    return
            elif app_id in self._recorded:
                del self._recorded[app_id]
            resolve(reply)

        try:
            command = hiredis.pack_command(
                ("HMGET", key, *subject_ids, *stand_ins, ERASED_FIELD, READY_FIELD)
            )
            self._connection.send(command, receive)
        except ConnectionError:
            reject(ConsentUnavailable("consent cannot be read"))

    def _to_ask(
        self, app_id: str, subject_ids: Sequence[str]
    ) -> Sequence[tuple[int, tuple[str, ...]]]:
        """The positions of people who may have been erased, and what stands for each."""
        recorded = self._recorded.get(app_id)
        if recorded is None or recorded.issuperset(subject_ids):
            return ()
        return [
            (position, self._stand_ins(app_id, subject_id))
            for position, subject_id in enumerate(subject_ids)
            if subject_id not in recorded
        ]

    def _recorded_in(self, app_id: str, *, is_everywhere: bool) -> set[str]:
        """The people of an app with erased people who had a record; a read adds those that it asked about."""
        if not is_everywhere:
            # Filled by a release before this one, or with its help: no one is remembered.
            self._recorded.pop(app_id, None)
            return set()
        recorded = self._recorded.setdefault(app_id, set())
        if len(recorded) > REMEMBERED_PEOPLE:
            recorded.clear()
        return recorded

    def _find_stand_ins(self, app_id: str, subject_id: str) -> tuple[str, ...]:
        assert self._pseudonyms is not None
        return tuple(map(erased_id, self._pseudonyms(app_id, subject_id)))

    def _add_erased(
        self,
        app_id: str,
        subject_ids: Sequence[str],
        positions: Sequence[int],
        states: list[EncodedState],
        resolve: Callable[[list[EncodedState]], None],
        reject: Callable[[ConsentUnavailable], None],
    ) -> None:
        """Puts in what is kept of those at the positions if they were erased, and resolves with that."""
        by_shard: dict[int, list[tuple[int, str]]] = {}
        for position in positions:
            for kept in self._stand_ins(app_id, subject_ids[position]):
                shard = shard_of(app_id, kept, self._shards) if self._shards > 1 else 0
                by_shard.setdefault(shard, []).append((position, kept))
        open_shards = set(by_shard)

        def receive(shard: int, reply: Any, run_id: bytes) -> None:
            if type(reply) is not list or reply.pop() != ready_marker(run_id, self._shards):
                reject(ConsentUnavailable("consent cannot be read"))
                return
            for (position, _), found in zip(by_shard[shard], reply, strict=True):
                states[position] = found or states[position]
            open_shards.discard(shard)
            if not open_shards:
                resolve(states)

        try:
            for shard, asked in by_shard.items():
                command = hiredis.pack_command(
                    (
                        *("HMGET", consent_key(app_id, shard)),
                        *(kept for _, kept in asked),
                        READY_FIELD,
                    )
                )
                self._connection.send(command, partial(receive, shard))
        except ConnectionError:
            reject(ConsentUnavailable("consent cannot be read"))


class _CoalescedReads:
    """Reads of single people that share one command."""

    __slots__ = ("futures", "subject_ids")

    def __init__(self) -> None:
        self.subject_ids: list[str] = []
        self.futures: list[asyncio.Future[EncodedState]] = []

    def resolve(self, states: list[EncodedState]) -> None:
        for future, state in zip(self.futures, states, strict=True):
            if not future.done():  # the caller may have gone
                future.set_result(state)

    def reject(self, error: ConsentUnavailable) -> None:
        for future in self.futures:
            if not future.done():
                # One each: each caller that raises an exception adds its traceback to it.
                future.set_exception(ConsentUnavailable(error.message))


def _sanitized(subject_id: str) -> str:
    return UNUSED_SUBJECT_ID if subject_id < "\x01" else subject_id


def _put_in(
    states: list[EncodedState],
    asked: Sequence[tuple[int, tuple[str, ...]]],
    kept: Sequence[EncodedState],
) -> None:
    """Puts in what is kept of people of whom nothing is recorded; `kept` has one for each that stands for one
    of those who were asked about."""
    place = 0
    for position, stand_ins in asked:
        found = kept[place : place + len(stand_ins)]
        place += len(stand_ins)
        if _is_empty(states[position]):
            states[position] = next(filter(None, found), states[position])


def _is_empty(state: EncodedState) -> bool:
    """Whether nothing is recorded of the person; a repair leaves a version without words."""
    return state is None or b" " not in state
