"""Watchers of consent, over a store in memory."""

import asyncio
from contextlib import aclosing

import pytest

from libs.common.errors import ChangesForgotten, LimitExceeded, Unavailable
from services.privacy.consent.changes import (
    IDLE_ROUNDS,
    PAGE_RECORDINGS,
    Change,
    ConsentChanges,
    Kept,
)


class MemoryChanges:
    """Implements `changes.ChangeStore`; remembers which changes were read."""

    def __init__(self, last: int, forgotten_through: int = 0) -> None:
        self.last = last
        self.forgotten_through = forgotten_through
        self.reads: list[tuple[int, int]] = []
        self.numberings = 0

    async def kept(self, app_id: str) -> Kept:
        return Kept(self.forgotten_through, self.last)

    async def newest(self) -> dict[str, int]:
        self.numberings += 1
        return {"chess": self.last}

    async def changes(self, app_id: str, after: int, through: int) -> list[Change]:
        self.reads.append((after, through))
        return [Change(number, "ann", []) for number in range(after + 1, through + 1)]


def watched(store: MemoryChanges, **limits: int) -> ConsentChanges:
    return ConsentChanges(store, poll_seconds=0.001, max_watchers=limits.get("max_watchers", 3))


async def test_a_watcher_that_does_not_read_holds_one_page() -> None:
    store = MemoryChanges(last=10_000)
    async with aclosing(watched(store).watch("chess", None, from_beginning=True)) as pages:
        assert await anext(pages) == ((), 0)
        assert store.reads == []
        found, number = await anext(pages)
        assert ([each.number for each in found], number) == ([*range(1, 201)], 200)
        # Nothing is read ahead.
        store.last += 10_000
        assert store.reads == [(0, PAGE_RECORDINGS)]


async def test_new_changes_wake_a_watcher_and_erased_ones_are_skipped() -> None:
    store = MemoryChanges(last=5)
    changes, stop = watched(store), asyncio.Event()
    loop = asyncio.create_task(changes.run(stop))
    async with aclosing(changes.watch("chess", 5, from_beginning=False)) as pages:
        assert await anext(pages) == ((), 5)
        waiting = asyncio.ensure_future(anext(pages))
        store.last = 7
        found, number = await waiting
        assert ([each.number for each in found], number) == ([6, 7], 7)
    stop.set()
    await loop


@pytest.mark.parametrize(
    ("after", "from_beginning", "first"),
    [(None, False, 9), (None, True, 4), (4, False, 4), (9, True, 9)],
)
async def test_where_a_watcher_begins(after: int | None, from_beginning: bool, first: int) -> None:
    store = MemoryChanges(last=9, forgotten_through=4)
    async with aclosing(
        watched(store).watch("chess", after, from_beginning=from_beginning)
    ) as pages:
        assert await anext(pages) == ((), first)


@pytest.mark.parametrize("after", [3, 10])
async def test_a_token_of_what_is_not_there_is_refused(after: int) -> None:
    store = MemoryChanges(last=9, forgotten_through=4)
    async with aclosing(watched(store).watch("chess", after, from_beginning=False)) as pages:
        with pytest.raises(ChangesForgotten):
            await anext(pages)


async def test_there_are_only_so_many_watchers_and_all_end_when_the_service_drains() -> None:
    changes = watched(MemoryChanges(last=1), max_watchers=1)
    async with aclosing(changes.watch("chess", None, from_beginning=False)) as pages:
        await anext(pages)
        async with aclosing(changes.watch("chess", None, from_beginning=False)) as more:
            with pytest.raises(LimitExceeded):
                await anext(more)
        changes.drain()
        with pytest.raises(Unavailable):
            await anext(pages)
    async with aclosing(changes.watch("chess", None, from_beginning=False)) as again:
        await anext(again)


async def test_the_store_is_asked_less_often_without_watchers() -> None:
    store = MemoryChanges(last=1)
    changes = watched(store)
    for _ in range(3 * IDLE_ROUNDS):
        await changes.step()
    assert store.numberings == 3
    async with aclosing(changes.watch("chess", 1, from_beginning=False)) as pages:
        await anext(pages)
        for _ in range(5):
            await changes.step()
    assert store.numberings == 8
