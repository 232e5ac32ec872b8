"""Background work that is done again and again."""

import asyncio

import pytest
from structlog.testing import capture_logs

from libs.runtime.loops import either, repeat, until_stopped


async def test_it_goes_on_after_an_outage_and_tells_of_it_once() -> None:
    stop = asyncio.Event()
    outcomes = iter([None, OSError(), OSError(), None, OSError(), None])

    async def work() -> None:
        error = next(outcomes, StopIteration)
        if error is StopIteration:
            stop.set()
        elif isinstance(error, OSError):
            raise error

    with capture_logs() as logs:
        await repeat(work, 0.0, stop, transient=(OSError,), warning="it waits")
    assert [(line["event"], line["error"]) for line in logs] == [("it waits", "OSError")] * 2
    assert next(outcomes, None) is None


@pytest.mark.parametrize("place", [0, 1])
async def test_one_of_two_events_ends_the_wait(place: int) -> None:
    before = asyncio.all_tasks()
    events = asyncio.Event(), asyncio.Event()
    waiting = asyncio.create_task(either(*events))
    await asyncio.sleep(0)
    assert not waiting.done()
    events[place].set()
    await waiting
    assert asyncio.all_tasks() == before


async def test_work_that_waits_is_cancelled_when_the_service_stops() -> None:
    before = asyncio.all_tasks()
    stop, begun = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(until_stopped(work(), stop))
    await begun.wait()
    stop.set()
    await running
    assert asyncio.all_tasks() == before


async def test_work_that_ends_or_fails_does_so_for_its_caller() -> None:
    before = asyncio.all_tasks()
    done: list[str] = []

    async def work(error: Exception | None) -> None:
        if error:
            raise error
        done.append("it")

    await until_stopped(work(None), asyncio.Event())
    assert done == ["it"]
    with pytest.raises(OSError, match="away"):
        await until_stopped(work(OSError("away")), asyncio.Event())
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
