"""Finds the rows that a store rejects by halving: a few look-ups for one bad row among thousands."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


async def find_rejected(
    items: Sequence[T], can_store: Callable[[Sequence[T]], Awaitable[bool]]
) -> list[T]:
    """The items that cannot be stored even alone, in their order. Asks about all of them first, so that
    nothing but that one question is asked if all can be stored together."""
    rejected: list[T] = []
    suspects = [items]
    while suspects:
        group = suspects.pop()
        if await can_store(group):
            continue
        if len(group) == 1:
            rejected.append(group[0])
            continue
        middle = len(group) // 2
        suspects += [group[middle:], group[:middle]]
    return rejected
