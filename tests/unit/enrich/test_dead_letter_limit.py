"""What is a flood of poison, worked out by hand for a share of a half, of at least 100 events."""

import pytest

from services.enrich.dead_letter_limit import DeadLetterLimit, DeadLetterLimitExceeded


def meter() -> DeadLetterLimit:
    return DeadLetterLimit(0.5, 100)


@pytest.mark.parametrize(("events", "poison"), [(100, 51), (1_000, 501), (100, 100)])
def test_more_than_half_of_a_large_batch_is_a_flood(events: int, poison: int) -> None:
    with pytest.raises(
        DeadLetterLimitExceeded, match=f"{poison} of {events} events, the first: why"
    ):
        meter().check(events, poison, "why")


@pytest.mark.parametrize(("events", "poison"), [(100, 50), (99, 99), (1, 1), (5_000, 0)])
def test_half_is_none_and_neither_is_a_small_batch(events: int, poison: int) -> None:
    meter().check(events, poison, "why")


def let_through(measured: DeadLetterLimit) -> int:
    """How many events of batches of ten that are all poison get through."""
    for count in range(0, 100_000, 10):
        try:
            measured.check(10, 10, "why")
        except DeadLetterLimitExceeded:
            return count
        measured.note(10, 10)
    raise AssertionError("no end of it")


def test_many_small_batches_are_a_flood_together() -> None:
    assert let_through(meter()) == 90


def test_what_was_handled_before_does_not_hide_a_flood_for_long() -> None:
    measured = meter()
    for _ in range(1_000):
        measured.note(100, 0)
    # As many as are looked back upon, once more.
    assert let_through(measured) <= 5_000


def test_a_batch_without_poison_passes_in_a_flood() -> None:
    measured = meter()
    measured.note(99, 99)
    measured.check(100, 0, "")
    with pytest.raises(DeadLetterLimitExceeded):
        measured.check(1, 1, "why")
