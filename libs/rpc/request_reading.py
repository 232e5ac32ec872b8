"""Reading the messages of a call, in the time that a caller has for them."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from libs.common.errors import DeadlineExceeded, InvalidArgument


async def read_first(context: grpc.aio.ServicerContext, seconds: float) -> Any:
    """The first message of a call, or grpc.aio.EOF. Raises DeadlineExceeded when none has come within
    `seconds`, UnreadableMessage for bytes that are none."""
    with _in_time(seconds):
        async with asyncio.timeout(seconds):
            return await context.read()


async def begun_in_time(messages: AsyncIterable[Any], seconds: float) -> AsyncIterator[Any]:
    """The messages of a stream, for methods that iterate over them; raises as `read_first` does."""
    iterator = aiter(messages)
    with _in_time(seconds):
        async with asyncio.timeout(seconds):
            first = await anext(iterator, grpc.aio.EOF)
    if first is grpc.aio.EOF:
        return
    yield first
    async for message in iterator:
        yield message


@contextmanager
def _in_time(seconds: float) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise DeadlineExceeded(
            f"the first message did not come within {seconds:g} s",
            limit="first_message_seconds",
            seconds=seconds,
        ) from None


def required(message: Any) -> Any:
    """The message. Raises InvalidArgument for grpc.aio.EOF: the caller sent none."""
    if message is grpc.aio.EOF:
        raise InvalidArgument("the call brought no message")
    return message
