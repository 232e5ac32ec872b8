"""Unary calls by many callers, each with one call in flight."""

import asyncio
import time
from collections.abc import Iterable, Iterator

import grpc


async def call_all(
    method: grpc.aio.UnaryUnaryMultiCallable,
    headers: tuple[tuple[str, str], ...],
    requests: Iterable[bytes],
    callers: int,
) -> tuple[list[bytes], list[float]]:
    """Makes one call with each request; a caller makes its next call when its last one is answered.

    Returns the answers and the seconds that each call took, in the order of the answers. Any error ends the
    benchmark.
    """
    queue = iter(requests)
    answers: list[bytes] = []
    seconds: list[float] = []

    async def caller(queue: Iterator[bytes]) -> None:
        for request in queue:
            start = time.perf_counter()
            answers.append(await method(request, metadata=headers))
            seconds.append(time.perf_counter() - start)

    await asyncio.gather(*(caller(queue) for _ in range(callers)))
    return answers, seconds
