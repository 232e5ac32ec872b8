"""The events that questions are measured on: as many as asked for, the same each time, believable."""

from collections import Counter
from itertools import chain

from libs.common.clock import DAY_US
from tests.bench.queries.generator import (
    DAYS,
    NAMES,
    PURCHASE,
    SESSION,
    START,
    VIEW,
    Event,
    Generator,
)

EVENTS = 40_000
GENERATOR = Generator(EVENTS)


def _all() -> list[Event]:
    return list(chain.from_iterable(map(GENERATOR.day, range(DAYS))))


def test_there_are_as_many_as_asked_for_each_with_an_id_of_its_own() -> None:
    found = _all()
    assert len(found) == EVENTS
    assert len({event.event_uuid for event in found}) == EVENTS


def test_a_day_is_the_same_each_time_and_whatever_was_made_before() -> None:
    assert Generator(EVENTS).day(70) == GENERATOR.day(70)
    assert Generator(EVENTS, seed=9).day(70) != GENERATOR.day(70)


def test_a_day_holds_its_own_events_by_time() -> None:
    midnight = int(START.timestamp()) * 1_000_000 + 70 * DAY_US
    times = [event.occurred_us for event in GENERATOR.day(70)]
    assert times == sorted(times)
    assert midnight <= times[0]
    assert times[-1] < midnight + DAY_US


def test_names_have_their_shares_and_few_people_do_much() -> None:
    found = _all()
    shares = Counter(event.name for event in found)
    for name, least, most in ((VIEW, 0.50, 0.60), (SESSION, 0.12, 0.18), (PURCHASE, 0.02, 0.04)):
        assert least < shares[name] / EVENTS < most, NAMES[name]
    activity = Counter(event.person for event in found if event.person >= 0)
    busiest = sorted(activity.values(), reverse=True)
    # A tenth of the people does more than a third of everything.
    assert sum(busiest[: len(busiest) // 10]) > EVENTS / 3
    assert 0.03 < sum(event.person < 0 for event in found) / EVENTS < 0.08
