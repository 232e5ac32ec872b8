"""When dead letters are too many, worked out by hand for a share of a half, of at least 100 events."""

import pytest

from services.enrich.dead_letter_limit import DeadLetterLimit, DeadLetterLimitExceeded


def limit() -> DeadLetterLimit:
    return DeadLetterLimit(0.5, 100)


@pytest.mark.parametrize(("events", "dead_letters"), [(100, 51), (1_000, 501), (100, 100)])
def test_more_than_half_of_a_large_batch_is_too_much(events: int, dead_letters: int) -> None:
    with pytest.raises(
        DeadLetterLimitExceeded, match=f"{dead_letters} of {events} events, the first: why"
    ):
        limit().check(events, dead_letters, "why")


@pytest.mark.parametrize(("events", "dead_letters"), [(100, 50), (99, 99), (1, 1), (5_000, 0)])
def test_half_of_them_may_fail_and_all_of_a_small_batch(events: int, dead_letters: int) -> None:
    limit().check(events, dead_letters, "why")


def let_through(measured: DeadLetterLimit) -> int:
    """How many events pass in batches of ten that all fail."""
    for count in range(0, 100_000, 10):
        try:
            measured.check(10, 10, "why")
        except DeadLetterLimitExceeded:
            return count
        measured.note(10, 10)
    raise AssertionError("the limit is never reached")


def test_many_small_batches_are_too_much_together() -> None:
    assert let_through(limit()) == 90


def test_what_passed_before_counts_for_less_and_less() -> None:
    measured = limit()
    for _ in range(1_000):
        measured.note(100, 0)
    # RECENT_EVENTS, once more.
    assert let_through(measured) <= 5_000


def test_a_batch_without_dead_letters_passes_when_the_limit_is_reached() -> None:
    measured = limit()
    measured.note(99, 99)
    measured.check(100, 0, "")
    with pytest.raises(DeadLetterLimitExceeded):
        measured.check(1, 1, "why")
