"""Ninety-one days of Social Live, the same for the same seed: people in visits, few of them very active.

Days are made independently of each other, so a part of them is as good as all.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from typing import NamedTuple

import orjson

from libs.common.clock import DAY_US

# A Monday; 13 weeks from there.
START = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 91
END = START + timedelta(days=DAYS)
NAMES = ("view", "engagement", "session", "stream", "purchase")
VIEW, ENGAGEMENT, SESSION, STREAM, PURCHASE = range(len(NAMES))
EVENTS_PER_PERSON = 100
VARIANTS = 1_000

_START_US = int(START.timestamp()) * 1_000_000
_HOUR_US = DAY_US // 24
# How much goes on in each hour (UTC), and on each day from Monday on.
_HOURS = (3, 2, 2, 2, 2, 3, 5, 7, 8, 8, 9, 10, 12, 11, 10, 10, 11, 13, 16, 19, 20, 17, 11, 6)
_WEEK = (0.93, 0.92, 0.95, 0.96, 1.0, 1.15, 1.09)
# Of the events of a visit that are not its beginning, up to which share (cumulated) they are of a name.
# People without purchases look on instead.
_PURCHASES, _STREAMS, _ENGAGEMENTS = 0.05, 0.11, 0.37
_BUYERS_OF_TEN = 7
_ANONYMOUS = 0.05
_MEAN_GAP_SECONDS = 75.0
# The most active person does some 4,000 things when people do 100 on average: weights 1 / (place + offset).
_OFFSET_PER_PERSON = 0.0112


class Event(NamedTuple):
    """An event; `person` is a number, -1 for none, `name` a place in NAMES, `variant` one of the
    properties of that name, and times are microseconds since the epoch."""

    occurred_us: int
    person: int
    name: int
    variant: int
    visit: int
    visit_us: int
    event_uuid: bytes


@dataclass(frozen=True, slots=True)
class Properties:
    """What an event says besides, as JSON and as the columns that questions ask for."""

    json: bytes
    entity_type: str | None = None
    entity_id: str | None = None
    content_type: str | None = None
    duration: int | None = None
    action: str | None = None
    amount: int | None = None
    currency: str | None = None


class Generator:
    """`events` events in all; a hundredth as many people, who join and leave at their own times."""

    def __init__(self, events: int, seed: int = 8) -> None:
        self.events = events
        self.people = max(1, events // EVENTS_PER_PERSON)
        self._seed = seed
        rng = random.Random(seed)
        offset = 1 + self.people * _OFFSET_PER_PERSON
        weights = [1 / (place + offset) for place in range(self.people)]
        rng.shuffle(weights)
        self._weights = list(accumulate(weights))
        # Half of them were there before; each leaves at some time, many after the last day.
        joined = [max(0, rng.randrange(-DAYS, DAYS)) for _ in range(self.people)]
        self._present = [(day, day + int(rng.expovariate(1 / 60)) + 1) for day in joined]
        # The first days are never without people.
        self._present[0] = (0, DAYS)
        self.properties = [[_properties(name, rng) for _ in range(VARIANTS)] for name in NAMES]
        busy = list(accumulate(_WEEK[day % 7] for day in range(DAYS)))
        cuts = [0, *(round(events * share / busy[-1]) for share in busy)]
        self._quotas = [after - before for before, after in pairwise(cuts)]

    def day(self, day: int) -> list[Event]:
        """The events of a day, by time."""
        rng = random.Random(self._seed * 1_000 + day)
        midnight = _START_US + day * DAY_US
        found: list[Event] = []
        quota = self._quotas[day]
        visits = self._visits(day, rng)
        while len(found) < quota:
            visit, person, moment = next(visits)
            found += self._visit(rng, visit, person, midnight + moment, midnight + DAY_US)
        del found[quota:]
        found.sort()
        return found

    def _visits(self, day: int, rng: random.Random) -> Iterator[tuple[int, int, int]]:
        """Number, person and time of the day of one visit after the other."""
        number = 0
        people = range(self.people)
        while True:
            for person in rng.choices(people, cum_weights=self._weights, k=1_000):
                first, end = self._present[person]
                if first <= day < end:
                    number += 1
                    hour = rng.choices(range(24), weights=_HOURS)[0]
                    moment = hour * _HOUR_US + int(rng.random() * _HOUR_US)
                    yield number, -1 if rng.random() < _ANONYMOUS else person, moment

    def _visit(
        self, rng: random.Random, visit: int, person: int, start_us: int, end_us: int
    ) -> Iterator[Event]:
        draw = rng.random
        moment, name = start_us, SESSION
        for _ in range(1 + rng.randrange(1, 11)):
            if moment >= end_us:
                return
            key = (moment // 1_000) << 80 | 7 << 76 | rng.getrandbits(76)
            key = key & ~(3 << 62) | 2 << 62
            yield Event(
                moment,
                person,
                name,
                int(draw() * VARIANTS),
                visit,
                start_us,
                key.to_bytes(16, "big"),
            )
            moment += 1_000_000 + int(rng.expovariate(1 / _MEAN_GAP_SECONDS) * 1_000_000)
            chance = draw()
            if chance < _PURCHASES:
                name = PURCHASE if person % 10 < _BUYERS_OF_TEN else VIEW
            elif chance < _STREAMS:
                name = STREAM
            else:
                name = ENGAGEMENT if chance < _ENGAGEMENTS else VIEW


def subject_id(person: int) -> str:
    """What the app calls a person."""
    return f"user-{person:08d}"


def _properties(name: str, rng: random.Random) -> Properties:
    pick: Sequence[str]
    match name:
        case "view":
            kind, content = rng.choice(("video", "article", "clip", "live")), rng.randrange(5_000)
            seconds = int(rng.expovariate(1 / 45))
            return Properties(
                _json(
                    contentType=kind,
                    contentId=f"c-{content}",
                    viewDuration=seconds,
                    scrollDepth=0.5,
                ),
                kind,
                f"c-{content}",
                content_type=kind,
                duration=seconds,
            )
        case "engagement":
            action, target = (
                rng.choice(("like", "share", "comment", "follow")),
                rng.randrange(5_000),
            )
            return Properties(
                _json(action=action, targetType="video", targetId=f"c-{target}"),
                "video",
                f"c-{target}",
                action=action,
            )
        case "purchase":
            amount, currency = rng.randrange(1, 500), rng.choice(("EUR", "USD", "JPY"))
            order = f"o-{rng.randrange(10**9)}"
            return Properties(
                _json(
                    orderId=order, productId="gift", amount=amount, currency=currency, quantity=1
                ),
                amount=amount,
                currency=currency,
            )
        case "stream":
            pick = ("join", "leave", "chat")
            return Properties(_json(streamId=f"s-{rng.randrange(500)}", action=rng.choice(pick)))
    return Properties(_json(action="start"))


def _json(**values: object) -> bytes:
    return orjson.dumps(values)
