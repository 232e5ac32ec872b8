"""How long a stream waits for a client that takes nothing, and meanwhile keeps others from its slot."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from libs.common.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class StallLimit:
    """How long a message may wait to be taken, by which setting, and what a client that was slower should
    do."""

    seconds: float
    setting: str
    advice: str

    async def send(self, sending: Awaitable[None]) -> None:
        """Waits for a message to be taken. Raises DeadlineExceeded."""
        try:
            async with asyncio.timeout(self.seconds) as limit:
                await sending
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineExceeded(
                f"the client took nothing for {self.seconds:g} s: {self.advice}",
                limit=self.setting,
                seconds=self.seconds,
            ) from None
