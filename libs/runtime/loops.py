"""Background work of a service: loops that run until the process drains."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger()


@dataclass(frozen=True)
class Loop:
    """Background work: `run` goes on until `stop` is set, and then finishes what it has begun."""

    name: str
    run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]


async def repeat(
    work: Callable[[], Awaitable[object]],
    seconds: float,
    stop: asyncio.Event,
    *,
    transient: tuple[type[Exception], ...],
    warning: str,
    early: asyncio.Event | None = None,
) -> None:
    """Does `work`, and again `seconds` after it ended, or as soon as `early` is set, until `stop` is set.

    After one of the `transient` errors it goes on; the first of several in a row is logged.
    """
    failing = False
    while not stop.is_set():
        if early:
            early.clear()
        try:
            await work()
        except transient as error:
            if not failing:
                log.warning(warning, error=type(error).__name__)
            failing = True
        else:
            failing = False
        await pause(stop, seconds, early)


async def pause(stop: asyncio.Event, seconds: float, early: asyncio.Event | None = None) -> None:
    """Waits `seconds`, or until `stop` or `early` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(either(stop, early) if early else stop.wait(), seconds)


async def until_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Runs `work` to its end, or cancels it when `stop` is set: for what may wait long and be begun again.
    Raises what it raises."""
    task, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def either(*events: asyncio.Event) -> None:
    """Waits until one of the events is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
