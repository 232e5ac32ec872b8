"""Drives retention runs to their end: service by service, each by its own jobs."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from libs.common.clock import Clock, moment_of
from libs.runtime.loops import either, repeat
from services.privacy.retention.model import SERVICES, RetentionRun, Step

# How often the jobs of an open run are asked for, and how often it is looked for runs of other replicas.
_OPEN_SECONDS = 0.5
_IDLE_SECONDS = 10.0


class TargetAway(Exception):
    """A service does not answer, or not as it should; the message says which, and why."""


class Targets(Protocol):
    """The retention of each service's stores; see `service.RetentionTargets`."""

    async def end_overdue(
        self, service: str, requested_at: datetime
    ) -> tuple[Sequence[Step], bool]:
        """Has a service begin what is to run next: its steps so far, and whether all have ended. Raises
        TargetAway."""
        ...


class Runs(Protocol):
    """See `postgres.PostgresRetentionRuns`."""

    async def open(self) -> Sequence[RetentionRun]:
        """Those that have not ended, the oldest first."""
        ...

    async def save(self, run: RetentionRun) -> None:
        """Writes down how a run stands, unless it has ended."""
        ...


class RunDriver:
    """Goes on with every open run, also with what a replica that was killed had begun: a run's steps are in
    the journals of the services, by the moment at which it was asked for. Several replicas at once do no
    harm."""

    def __init__(
        self,
        runs: Runs,
        targets: Targets,
        clock: Clock,
        transient: tuple[type[Exception], ...],
    ) -> None:
        self._runs = runs
        self._targets = targets
        self._clock = clock
        self._transient = transient
        self._asked = asyncio.Event()

    def wake(self) -> None:
        """A run was asked for in this process."""
        self._asked.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Drives runs until `stop` is set."""
        while not stop.is_set():
            self._asked.clear()
            await self._drive(stop)
            waiting = asyncio.create_task(asyncio.sleep(_IDLE_SECONDS))
            ended = asyncio.create_task(either(self._asked, stop))
            await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
            for task in (waiting, ended):
                task.cancel()

    async def _drive(self, stop: asyncio.Event) -> None:
        """Until no run is open."""
        done = asyncio.Event()

        async def look() -> None:
            open_runs = await self._runs.open()
            for run in open_runs:
                await self._runs.save(await self.advance(run))
            if stop.is_set() or not open_runs:
                done.set()

        await repeat(
            look,
            _OPEN_SECONDS,
            done,
            transient=self._transient,
            warning="retention runs wait for their journal",
        )

    async def advance(self, run: RetentionRun) -> RetentionRun:
        """The run after one more look at its services."""
        steps: list[Step] = []
        for service in SERVICES:
            try:
                found, is_done = await self._targets.end_overdue(service, run.requested_at)
            except TargetAway as error:
                return replace(run, steps=_known(run, steps), waiting_because=str(error))
            steps += found
            if not is_done:
                return replace(run, steps=steps, waiting_because="")
        now = moment_of(self._clock.now_us())
        return replace(run, steps=steps, finished_at=now, waiting_because="")


def _known(run: RetentionRun, steps: Sequence[Step]) -> Sequence[Step]:
    """The newer steps, and what was known of those behind them."""
    jobs = {step.job for step in steps}
    return [*steps, *(step for step in run.steps if step.job not in jobs)]
