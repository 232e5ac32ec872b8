"""The people behind a number, and when their events are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

# Of one number; more would make page tokens too long.
MAX_PEOPLE = 1_000


@dataclass(frozen=True, slots=True)
class People:
    """At most MAX_PEOPLE of one in `one_in` people, whose events from `start` until before `end` are wanted;
    `is_cut` if there are more."""

    people: Sequence[UUID]
    start: datetime
    end: datetime
    one_in: int = 1
    is_cut: bool = False
