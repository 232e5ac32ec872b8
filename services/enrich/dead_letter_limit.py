"""When there is so much poison that the fault is ours: a broken release or catalog, not the events."""

from libs.streams.errors import EntryError

# Looked back upon; older events count half, the ones before those a quarter, and so on.
RECENT_EVENTS = 5_000


class DeadLetterLimitExceeded(EntryError):
    """So much cannot be handled that it must not be drained into dead letters."""


class DeadLetterLimit:
    """The share of poison, in what is at hand and in what was let through lately.

    A flood is more than `max_share` of at least `minimum` events, of the one or of both together: so
    neither one large batch nor many small ones get through.
    """

    def __init__(self, max_share: float, minimum: int) -> None:
        self._max_share = max_share
        self._minimum = minimum
        self._events = 0.0
        self._poison = 0.0

    def check(self, events: int, poison: int, reason: str) -> None:
        """Raises DeadLetterLimitExceeded where `poison` of these `events` are too many."""
        if poison and (
            self._is_flood(events, poison)
            or self._is_flood(self._events + events, self._poison + poison)
        ):
            raise DeadLetterLimitExceeded(f"{poison} of {events} events, the first: {reason}")

    def note(self, events: int, poison: int) -> None:
        """Takes note of what was let through."""
        self._events += events
        self._poison += poison
        if self._events > RECENT_EVENTS:
            self._events /= 2
            self._poison /= 2

    def _is_flood(self, events: float, poison: float) -> bool:
        return events >= self._minimum and poison > self._max_share * events
