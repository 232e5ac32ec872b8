"""What questions about behaviour are made of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from libs.events.filtering import Condition


@dataclass(frozen=True, slots=True)
class EventRule:
    """Events of some names, one at least, for which a condition holds."""

    names: tuple[str, ...]
    condition: Condition

    @property
    def reads_rows(self) -> bool:
        """Whether the index alone does not say if an event is one of them."""
        return self.condition.sql != "true"


@dataclass(frozen=True, slots=True)
class Span:
    """The events of an app from `start` until before `end`, of these names; None: of all. `reads_rows` says
    whether more is asked of them than the indexes have."""

    app_id: str
    start: datetime
    end: datetime
    names: tuple[str, ...] | None
    reads_rows: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """How an answer was read: one of `one_in` people, and whether Postgres is a replica, which may not have
    everything that the watermark promises. `lacks_events`: events of older releases are not in it, as the
    job `enrich.fill_person` has not given them their person yet."""

    one_in: int
    is_replica: bool
    lacks_events: bool


def all_names(rules: Iterable[EventRule]) -> tuple[str, ...]:
    """The names of all rules, sorted, each once."""
    return tuple(sorted({name for rule in rules for name in rule.names}))
