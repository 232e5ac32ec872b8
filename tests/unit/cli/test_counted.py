"""Waiting for what was sent to be counted."""

from typing import Any

from cli.counted import CountWatch


class Events:
    """Stands for the suite: answers one step after the other, then the last one for ever."""

    def __init__(self, *steps: tuple[int, int]) -> None:
        self._steps = list(steps)
        self._now = (0, 0)

    def counted(self) -> int:
        self._now = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        return self._now[0]

    def not_stored(self) -> int:
        return self._now[1]


def _watch(events: Events) -> tuple[CountWatch, list[float]]:
    slept: list[float] = []
    any_events: Any = events
    watch = CountWatch(any_events, monotonic=lambda: sum(slept), sleep=slept.append)
    return watch, slept


def test_waits_until_all_are_counted() -> None:
    watch, slept = _watch(Events((100, 5), (100, 5), (140, 5), (150, 5)))
    assert watch.wait(50, 0, 60.0) == (50, 0)
    assert len(slept) == 2


def test_events_that_were_stored_before_are_not_waited_for() -> None:
    # After the dedupe window an import is taken again, and enrich finds every event stored.
    watch, _ = _watch(Events((100, 5), (100, 25), (100, 55)))
    assert watch.wait(50, 0, 60.0) == (0, 50)


def test_duplicates_that_enrich_skips_are_not_taken_for_stored_ones() -> None:
    watch, _ = _watch(Events((100, 0), (100, 30), (110, 30)))
    assert watch.wait(10, 30, 60.0) == (10, 0)


def test_events_of_other_senders_end_the_waiting_and_are_not_reported() -> None:
    watch, _ = _watch(Events((100, 0), (120, 0), (190, 0)))
    assert watch.wait(50, 0, 60.0) == (50, 0)


def test_gives_up_in_time() -> None:
    watch, slept = _watch(Events((100, 0), (120, 0)))
    assert watch.wait(50, 0, 3.0) == (20, 0)
    assert 3.0 <= sum(slept) < 3.5


def test_nothing_taken_is_nothing_to_wait_for() -> None:
    watch, slept = _watch(Events((100, 0)))
    assert watch.wait(0, 0, 60.0) == (0, 0)
    assert slept == []
