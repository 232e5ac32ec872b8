"""How long a stream waits for a client that takes nothing, and meanwhile keeps others from its slot."""

import asyncio
from collections.abc import Awaitable

from libs.common.errors import DeadlineExceeded


async def sent_within(seconds: float, sending: Awaitable[None], *, name: str, advice: str) -> None:
    """Waits for a message to be taken. Raises DeadlineExceeded after `seconds`, with the setting's `name` and
    what the client should do."""
    try:
        async with asyncio.timeout(seconds) as limit:
            await sending
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineExceeded(
            f"the client took nothing for {seconds:g} s: {advice}", limit=name, seconds=seconds
        ) from None
