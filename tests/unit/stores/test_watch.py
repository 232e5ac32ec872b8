"""When a store counts as away, and what that means for whom."""

import asyncio
from collections.abc import Set

import pytest

from libs.stores.watch import Needs, Store, StoreWatch, all_of, any_of
from tests.support.waiting import until


class Asked:
    """A store that answers, refuses or is silent, and what was reported of it."""

    def __init__(self) -> None:
        self.answer: Exception | asyncio.Event | None = None
        self.reports: list[Set[str]] = []
        self.questions = 0
        self.watch = StoreWatch([Store("redis", self._ask)], 0.01, self._report)

    async def _ask(self) -> None:
        self.questions += 1
        if isinstance(self.answer, asyncio.Event):
            await self.answer.wait()
        elif self.answer:
            raise self.answer

    async def _report(self, away: Set[str]) -> None:
        self.reports.append(away)


async def test_two_failures_in_a_row_are_an_outage_and_one_answer_ends_it() -> None:
    asked = Asked()
    for answer in (None, OSError(), None, OSError(), OSError(), OSError(), None):
        asked.answer = answer
        await asked.watch.look()
    assert asked.reports == [set(), {"redis"}, set()]


async def test_at_the_start_one_failure_decides() -> None:
    asked = Asked()
    asked.answer = OSError()
    await asked.watch.look()
    assert asked.reports == [{"redis"}]


async def test_a_silent_store_is_not_asked_again_while_it_owes_an_answer() -> None:
    asked = Asked()
    await asked.watch.look()
    asked.answer = silence = asyncio.Event()
    for _ in range(3):
        await asked.watch.look()
    assert asked.reports == [set(), {"redis"}]
    assert asked.questions == 2
    silence.set()
    await asked.watch.look()
    assert asked.reports == [set(), {"redis"}, set()]
    assert asked.questions == 2


async def test_nothing_is_reported_or_asked_after_the_end() -> None:
    asked = Asked()
    await asked.watch.start()
    asked.answer = asyncio.Event()
    await until(lambda: asked.questions == 2)
    await asked.watch.stop()
    assert asked.reports == [set()]
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "ask redis"]


@pytest.mark.parametrize(
    ("needs", "met_without"),
    [
        (Needs(), [set(), {"redis"}, {"postgres"}, {"redis", "postgres"}]),
        (all_of("redis"), [set(), {"postgres"}]),
        (all_of("redis", "postgres"), [set()]),
        (any_of("redis", "postgres"), [set(), {"redis"}, {"postgres"}]),
    ],
)
def test_needs(needs: Needs, met_without: list[Set[str]]) -> None:
    outages: list[Set[str]] = [set(), {"redis"}, {"postgres"}, {"redis", "postgres"}]
    assert [away for away in outages if needs.are_met(away)] == met_without
