"""May an event be about this person? The one place that says what a state means for a purpose."""

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache

from libs.catalog.model import Purpose, Subjectless, WhenDenied
from libs.consent.state import ConsentState, parse_state

# What is remembered stays below 10 MB: purposes, and different choices for each of them.
MAX_PURPOSES = 64
MAX_CHOICES = 256


class Decision(IntEnum):
    """What may be done with the event. The numbers are those of `weir.privacy.v1.Decision`."""

    ALLOW = 1
    ANONYMIZE = 2
    DROP = 3


_DENIED = {WhenDenied.ANONYMIZE: Decision.ANONYMIZE, WhenDenied.DROP: Decision.DROP}


def decide(purpose: Purpose, state: ConsentState | None) -> Decision:
    """The person's answer to the purpose, or the catalog's default if there is none.

    `state` is None for a person of whom nothing is recorded; a state that could not be read is not
    None, it is an error (`ConsentUnavailable`), and nothing is decided.
    """
    answer = state.choices.get(purpose.name) if state is not None else None
    granted = purpose.default_granted if answer is None else answer
    return Decision.ALLOW if granted else _DENIED[purpose.when_denied]


def decide_subjectless(purpose: Purpose) -> Decision:
    """What may be done with an event that names no person."""
    return Decision.DROP if purpose.subjectless is Subjectless.DROP else Decision.ALLOW


class PurposeDecisions:
    """`decide` for one purpose and the encoded states that `ConsentReader.read` gave, at 0.2 µs each: a whole
    population has only a few different choices, and what follows from them is remembered."""

    def __init__(self, purpose: Purpose) -> None:
        self._purpose = purpose
        self._nothing_recorded = decide(purpose, None)
        # Not by state: each recording has a version of its own.
        self._by_choices: dict[bytes, Decision] = {}

    def of(self, encoded: bytes | None) -> Decision:
        """What follows from a person's state; None if nothing is recorded. Raises ValueError for
        bytes that are no state."""
        if encoded is None:
            return self._nothing_recorded
        version, _, choices = encoded.partition(b" ")
        if not version.isdigit():
            raise ValueError("not the text of a consent state")
        decision = self._by_choices.get(choices)
        if decision is None:
            decision = decide(self._purpose, parse_state(encoded))
            if len(self._by_choices) >= MAX_CHOICES:
                self._by_choices.clear()
            self._by_choices[choices] = decision
        return decision


@lru_cache(maxsize=MAX_PURPOSES)
def decisions_for(purpose: Purpose) -> PurposeDecisions:
    """The decisions for a purpose, the same object for all batches."""
    return PurposeDecisions(purpose)


def decide_all(purpose: Purpose, encoded: Iterable[bytes | None]) -> list[Decision]:
    """`decide` for each encoded state that `ConsentReader.read` gave, in order.

    Raises ValueError for bytes that are no state.
    """
    return [*map(decisions_for(purpose).of, encoded)]
