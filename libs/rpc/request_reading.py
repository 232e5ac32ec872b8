"""Reading the messages of a call, in the time that a caller has for them."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

import grpc

from libs.common.errors import DeadlineExceeded, InvalidArgument
from libs.rpc.shared_timeout import SharedTimeout


async def read_first(context: grpc.aio.ServicerContext, timeout: SharedTimeout) -> Any:
    """The first message of a call, or grpc.aio.EOF. Raises DeadlineExceeded when none has come in time,
    UnreadableMessage for bytes that are none."""
    try:
        with timeout.limit():
            return await context.read()
    except TimeoutError:
        raise _too_late(timeout.seconds) from None


async def begun_in_time(messages: AsyncIterable[Any], timeout: SharedTimeout) -> AsyncIterator[Any]:
    """The messages of a stream, for methods that iterate over them; raises as `read_first` does."""
    iterator = aiter(messages)
    try:
        with timeout.limit():
            first = await anext(iterator, grpc.aio.EOF)
    except TimeoutError:
        raise _too_late(timeout.seconds) from None
    if first is grpc.aio.EOF:
        return
    yield first
    async for message in iterator:
        yield message


def _too_late(seconds: float) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"the first message did not come within {seconds:g} s",
        limit="first_message_seconds",
        seconds=seconds,
    )


def required(message: Any) -> Any:
    """The message. Raises InvalidArgument for grpc.aio.EOF: the caller sent none."""
    if message is grpc.aio.EOF:
        raise InvalidArgument("the call brought no message")
    return message
