"""Decides when so many events fail that the fault is Weir's, a broken release or catalog, and not theirs."""

from libs.streams.errors import EntryError

# The events that count; older ones count half, the ones before those a quarter, and so on.
RECENT_EVENTS = 5_000


class DeadLetterLimitExceeded(EntryError):
    """So many events fail that they must not become dead letters: they are tried again."""


class DeadLetterLimit:
    """Limits the share of dead letters, in a chunk and together with what passed lately.

    The limit is reached by more than `max_share` of at least `minimum` events, in the one or in both
    together: so it holds for one large batch as well as for many small ones.
    """

    def __init__(self, max_share: float, minimum: int) -> None:
        self._max_share = max_share
        self._minimum = minimum
        self._events = 0.0
        self._dead_letters = 0.0

    def check(
        self, events: int, dead_letters: int, reason: str, *, noted: tuple[int, int] = (0, 0)
    ) -> None:
        """Raises DeadLetterLimitExceeded if `dead_letters` of these `events` are too many; `reason` is the
        first one's, `noted` are the events and the dead letters among them that `note` has counted."""
        noted_events, noted_dead_letters = noted
        if dead_letters and (
            self._is_above(events, dead_letters)
            or self._is_above(
                self._events + events - noted_events,
                self._dead_letters + dead_letters - noted_dead_letters,
            )
        ):
            raise DeadLetterLimitExceeded(f"{dead_letters} of {events} events, the first: {reason}")

    def note(self, events: int, dead_letters: int) -> None:
        """Remembers what passed."""
        self._events += events
        self._dead_letters += dead_letters
        if self._events > RECENT_EVENTS:
            self._events /= 2
            self._dead_letters /= 2

    def _is_above(self, events: float, dead_letters: float) -> bool:
        return events >= self._minimum and dead_letters > self._max_share * events
