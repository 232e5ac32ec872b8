"""Few calls read stored events at once; some wait, and the others are refused."""

import asyncio

import pytest

from libs.common.errors import LimitExceeded
from services.aggregate.read_slots import ReadSlots


async def test_calls_beyond_the_limit_wait_and_beyond_that_are_refused() -> None:
    slots = ReadSlots("max_event_pages", 2, waiting=1)
    ends = [asyncio.Event() for _ in range(3)]
    began = [asyncio.Event() for _ in range(3)]

    async def call(number: int) -> None:
        async with slots.hold():
            began[number].set()
            await ends[number].wait()

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(call(number)) for number in range(3)]
        await began[0].wait()
        await began[1].wait()
        with pytest.raises(LimitExceeded) as refused:
            async with slots.hold():
                raise AssertionError
        assert refused.value.metadata == {"limit": "max_event_pages", "value": "2"}
        assert refused.value.retry_after_seconds > 0
        assert not began[2].is_set()
        ends[1].set()
        await calls[1]
        await began[2].wait()
        ends[0].set()
        ends[2].set()
    # All places are free again.
    async with slots.hold(), slots.hold():
        pass


async def test_a_call_that_is_cancelled_frees_its_place() -> None:
    slots = ReadSlots("max_exports", 1, waiting=0)

    async def call() -> None:
        async with slots.hold():
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    with pytest.raises(LimitExceeded):
        async with slots.hold():
            raise AssertionError
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with slots.hold():
        pass
