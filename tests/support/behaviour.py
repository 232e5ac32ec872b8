"""People's events for tests of behaviour: made at random, and as rows of the store."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from weir.aggregate.v1 import time_frame_pb2

from tests.support.stored_events import row

START = datetime(2026, 3, 2, tzinfo=UTC)
NAMES = ("match.ended", "match.left")


@dataclass(frozen=True)
class Done:
    """What a person did; `hour` counts from START."""

    person: str
    name: str
    hour: int
    mode: str


def made(people: int, seed: int, hours: int = 72) -> Sequence[Done]:
    """Up to eight events of each person, several of them of the same hour."""
    rng = random.Random(seed)
    return [
        Done(f"p{number}", rng.choice(NAMES), rng.randrange(hours), rng.choice("xyz"))
        for number in range(people)
        for _ in range(rng.randrange(9))
    ]


def rows_of(events: Iterable[Done]) -> list[Mapping[str, Any]]:
    """As they are stored."""
    return [
        row(
            one.name,
            (START + timedelta(hours=one.hour)).replace(tzinfo=None).isoformat(),
            subject_id=one.person,
            country={"x": "DE", "y": "FR", "z": None}[one.mode],
            properties={"mode": one.mode},
        )
        for one in events
    ]


def by_person(events: Iterable[Done]) -> Mapping[str, Sequence[Done]]:
    """The events of each person."""
    found: dict[str, list[Done]] = {}
    for one in events:
        found.setdefault(one.person, []).append(one)
    return found


def frame(first_hour: int, end_hour: int) -> time_frame_pb2.TimeFrame:
    """From an hour until before another."""
    between = time_frame_pb2.TimeInterval()
    getattr(between, "from").FromDatetime(START + timedelta(hours=first_hour))
    between.to.FromDatetime(START + timedelta(hours=end_hour))
    return time_frame_pb2.TimeFrame(between=between)
