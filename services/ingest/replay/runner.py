"""Goes on with the replays that were asked for, part by part, in whichever process comes first."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog
from weir.common.v1.event_pb2 import Event

from libs.common.errors import AppUnknown, WeirError
from libs.runtime.loops import pause, repeat
from services.ingest import metrics
from services.ingest.replay.flood import flood
from services.ingest.replay.intake import ReplayIntake
from services.ingest.replay.model import Letter, Replay, Replayed, ReplayState, counted

log = structlog.get_logger()
# Letters of one part at most. It is a transaction, which an erasure waits for.
PART_LETTERS = 200
_POLL_SECONDS = 1.0


class Part(Protocol):
    """See `postgres.ReplayPart`."""

    @property
    def replay(self) -> Replay:
        """The replay before this part."""
        ...

    async def find_erased(self, events: Sequence[tuple[Event, datetime]]) -> Collection[int]:
        """See `intake.FindErased`."""
        ...

    async def letters(self, limit: int) -> Sequence[Letter]:
        """The next letters."""
        ...

    async def end(self, after: Replay, found: Sequence[Replayed], pause_seconds: float) -> None:
        """Writes what became of them."""
        ...


class Replays(Protocol):
    """See `postgres.PostgresReplays`."""

    def next_part(self) -> AbstractAsyncContextManager[Part | None]:
        """The next part of a replay whose turn it is."""
        ...


class ReplayRunner:
    """One process's share in the work. A part that is cut short is done again, and stores nothing twice."""

    def __init__(
        self, replays: Replays, intake: ReplayIntake, transient: tuple[type[Exception], ...]
    ) -> None:
        """`transient` are the errors of stores that are away."""
        self._replays = replays
        self._intake = intake
        self._transient: tuple[type[Exception], ...] = (WeirError, *transient)

    async def run(self, stop: asyncio.Event) -> None:
        """Goes on until `stop` is set; what has begun is finished."""

        async def go_on() -> None:
            while not stop.is_set() and (seconds := await self.step()) is not None:
                await pause(stop, min(seconds, _POLL_SECONDS))

        await repeat(
            go_on,
            _POLL_SECONDS,
            stop,
            transient=self._transient,
            warning="replays of dead letters wait",
        )

    async def step(self) -> float | None:
        """Does one part; for how many seconds the replay then pauses, None if there was nothing to do. Raises
        what the stores raise: then nothing was changed but what is in the stream."""
        async with self._replays.next_part() as part:
            if part is None:
                return None
            replay = part.replay
            request = replay.request
            limit = min(PART_LETTERS, request.events_per_second)
            letters = await part.letters(limit)
            try:
                found = await self._intake.replay(
                    request.selection.app_id, letters, part.find_erased, dry_run=request.dry_run
                )
            except AppUnknown as error:
                await part.end(_stopped(replay, error.message), [], 0.0)
                return 0.0
            after = _advanced(replay, found, is_last=len(letters) < limit)
            seconds = len(letters) / request.events_per_second
            await part.end(after, found, seconds)
        if not request.dry_run:
            for each in found:
                metrics.REPLAYED.labels(request.selection.app_id, each.fate.value).inc()
        if after.state is not ReplayState.RUNNING:
            log.info(
                "a replay of dead letters has ended",
                app_id=request.selection.app_id,
                state=after.state.value,
                stopped_because=after.stopped_because,
            )
        return seconds


def _advanced(replay: Replay, found: Sequence[Replayed], *, is_last: bool) -> Replay:
    """The replay after a part."""
    counts, rejected_now = counted(replay, found)
    of_part, _ = counted(replace(replay, counts={}, rejected_now={}), found)
    last = found[-1].letter if found else None
    after = replace(
        replay,
        counts=counts,
        rejected_now=rejected_now,
        position=(last.received_at, last.dead_letter_id) if last else replay.position,
        state=ReplayState.DONE if is_last else ReplayState.RUNNING,
    )
    share = replay.request.max_rejected_share
    if not replay.request.dry_run and (reason := flood(of_part, counts, share)):
        return _stopped(after, reason)
    return after


def _stopped(replay: Replay, because: str) -> Replay:
    return replace(replay, state=ReplayState.STOPPED, stopped_because=because)
