"""The next page of an export is read while the client takes the one before."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from libs.events.selection import LinePage, Place
from services.aggregate.exports.read_ahead import pages

PLACES = [Place(datetime(2026, 4, day, tzinfo=UTC), UUID(int=day), "90d") for day in (1, 2)]
NEXT = {None: PLACES[0], PLACES[0]: PLACES[1], PLACES[1]: None}


class Reads:
    """Pages that are read when the test lets them be."""

    def __init__(self) -> None:
        self.begun: list[Place | None] = []
        self.ended: list[Place | None] = []
        self.gate = asyncio.Event()

    async def read(self, after: Place | None) -> LinePage:
        """The page after a place."""
        self.begun.append(after)
        try:
            await self.gate.wait()
        finally:
            self.ended.append(after)
        return LinePage([], NEXT[after])


async def test_one_page_ahead_and_no_more() -> None:
    reads = Reads()
    reads.gate.set()
    found = pages(reads.read, None)
    assert (await anext(found)).next == PLACES[0]
    for _ in range(5):
        await asyncio.sleep(0)
    assert reads.ended == [None, PLACES[0]]
    assert [page.next async for page in found] == [PLACES[1], None]
    assert reads.begun == [None, *PLACES]


async def test_closing_ends_the_page_that_is_under_way() -> None:
    reads = Reads()
    reads.gate.set()
    found: AsyncGenerator[LinePage] = pages(reads.read, None)
    await anext(found)
    reads.gate.clear()
    await asyncio.sleep(0)
    assert reads.begun == [None, PLACES[0]]
    await found.aclose()
    assert reads.ended == [None, PLACES[0]]


async def test_a_page_that_fails_does_so_when_its_turn_comes() -> None:
    async def read(after: Place | None) -> LinePage:
        if after is not None:
            raise ValueError("gone")
        return LinePage([], PLACES[0])

    found = pages(read, None)
    assert (await anext(found)).next == PLACES[0]
    with pytest.raises(ValueError, match="gone"):
        await anext(found)
