"""When so many events are rejected again that the catalog cannot have been fixed. Pure."""

from services.ingest.replay.model import Counts, Fate

# Of fewer events, nothing follows.
LEAST_EVENTS = 20
# These say nothing of the fix.
_NOT_LOOKED_AT = frozenset({Fate.NOT_REPLAYABLE, Fate.ERASED})
_WRONG = frozenset({Fate.REJECTED, Fate.FAILED})


def flood(batch: Counts, all_so_far: Counts, max_share: float) -> str:
    """Why the replay has to stop, empty if it goes on: more than this share of the events of a batch were
    rejected again, or of all so far; the batch with them."""
    for counts, of_what in ((batch, "a part of the letters"), (all_so_far, "the letters so far")):
        events, rejected = _sums(counts)
        if events >= LEAST_EVENTS and rejected > max_share * events:
            return f"{rejected} of {events} events in {of_what} were rejected again"
    return ""


def _sums(counts: Counts) -> tuple[int, int]:
    events = rejected = 0
    for fates in counts.values():
        for fate, number in fates.items():
            events += number if fate not in _NOT_LOOKED_AT else 0
            rejected += number if fate in _WRONG else 0
    return events, rejected
