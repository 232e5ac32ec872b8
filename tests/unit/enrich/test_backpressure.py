"""Enrich waits while more than the permitted bytes wait for aggregate."""

from services.enrich.backpressure import Backpressure


async def test_reading_stops_above_the_limit_and_goes_on_at_it() -> None:
    sizes = iter([100, 101, 5_000, 100])

    async def size_bytes() -> int:
        return next(sizes)

    backpressure = Backpressure(size_bytes, max_bytes=100)
    answers = [backpressure.is_set()]
    for _ in range(4):
        await backpressure.measure()
        answers.append(backpressure.is_set())
    assert answers == [False, False, True, True, False]
