"""Pages of lines of which the next one is read while the one before is on its way to the client."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine

from libs.events.selection import LinePage, Place

ReadPage = Callable[[Place | None], Coroutine[None, None, LinePage]]


async def pages(read: ReadPage, after: Place | None) -> AsyncGenerator[LinePage]:
    """The pages from a place on, one statement at a time. Closing it ends the one that is under way. Raises
    what `read` raises, when its page would come."""
    coming: asyncio.Task[LinePage] | None = asyncio.create_task(read(after))
    try:
        while coming is not None:
            page = await coming
            coming = None if page.next is None else asyncio.create_task(read(page.next))
            yield page
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
