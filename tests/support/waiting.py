"""Waiting for what other tasks, threads and processes do, however slow this machine is within reason."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 60.0


def holds_in_time(condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> bool:
    """Polls until the condition holds or the time is up; returns whether it holds."""
    deadline = time.monotonic() + seconds
    while not (holds := bool(condition())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds


def eventually(condition: Callable[[], Any]) -> None:
    """Returns when the condition holds; fails the test if it never does."""
    assert holds_in_time(condition), "it never happened"


async def until(condition: Callable[[], Any]) -> None:
    """`eventually` for tests that share their event loop with what they wait for; the condition may be
    a coroutine function."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        holds = condition()
        if await holds if inspect.isawaitable(holds) else holds:
            return
        assert time.monotonic() < deadline, "it never happened"
        await asyncio.sleep(0.02)
