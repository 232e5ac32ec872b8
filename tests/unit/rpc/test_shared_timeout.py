"""A shared timeout ends what takes too long, in the way of `asyncio.timeout`, and nothing else."""

import asyncio

import pytest

from libs.rpc.shared_timeout import SharedTimeout


async def _forever(timeout: SharedTimeout) -> None:
    with timeout.limit():
        await asyncio.Event().wait()


async def test_what_takes_too_long_ends_with_a_timeout_error() -> None:
    timeout = SharedTimeout(0.01)
    ended = await asyncio.gather(*(_forever(timeout) for _ in range(5)), return_exceptions=True)
    assert [type(error) for error in ended] == [TimeoutError] * 5
    # Once all have ended, the next one has its time too.
    with pytest.raises(TimeoutError):
        await _forever(timeout)


async def test_what_ends_in_time_is_left_alone_while_others_are_not() -> None:
    timeout = SharedTimeout(0.01)

    async def short_then_long() -> str:
        with timeout.limit():
            pass
        # Longer than the time of the block, which is over.
        with pytest.raises(TimeoutError):
            await _forever(timeout)
        return "went on"

    late = asyncio.create_task(_forever(timeout))
    assert await short_then_long() == "went on"
    with pytest.raises(TimeoutError):
        await late


async def test_a_block_that_began_later_ends_later() -> None:
    timeout = SharedTimeout(0.01)
    ended: list[int] = []

    async def run(number: int) -> None:
        with pytest.raises(TimeoutError):
            await _forever(timeout)
        ended.append(number)

    first = asyncio.create_task(run(1))
    await asyncio.sleep(0)
    begun = asyncio.get_running_loop().time()
    second = asyncio.create_task(run(2))
    await asyncio.gather(first, second)
    assert ended == [1, 2]
    assert asyncio.get_running_loop().time() - begun >= 0.01


async def test_an_error_of_the_block_stays_what_it_is() -> None:
    timeout = SharedTimeout(60)
    with pytest.raises(KeyError), timeout.limit():
        raise KeyError


async def test_of_two_nested_ones_the_shorter_ends_its_block_only() -> None:
    outer, inner = SharedTimeout(60), SharedTimeout(0.01)
    with outer.limit() as limited:
        with pytest.raises(TimeoutError):
            await _forever(inner)
        await asyncio.sleep(0)
    assert not limited.expired


async def test_a_block_that_is_cancelled_from_outside_is_cancelled() -> None:
    timeout = SharedTimeout(60)
    task = asyncio.create_task(_forever(timeout))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_block_that_is_cancelled_and_expires_at_once_is_cancelled() -> None:
    """Its task has to end: the timeout must not hide that."""
    timeout = SharedTimeout(60)
    entered: list[asyncio.Task[None]] = []

    async def run() -> None:
        with timeout.limit() as limited:
            limited.cancel()
            entered[0].cancel()
            await asyncio.Event().wait()

    entered.append(asyncio.create_task(run()))
    with pytest.raises(asyncio.CancelledError):
        await entered[0]
