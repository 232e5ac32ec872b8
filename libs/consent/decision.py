"""May an event be about this person? The one place that says what a state means for a purpose."""

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache

from libs.catalog.model import Purpose, Subjectless, WhenDenied
from libs.consent.state import ConsentState, parse_choices


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


def decide_all(purpose: Purpose, texts: Iterable[bytes | None]) -> list[Decision]:
    """`decide` for each text that `ConsentReader.read` gave, in order, at 0.1 µs each.

    Raises ValueError for a text that is not one of a state.
    """
    unrecorded = decide(purpose, None)
    by_choices: dict[bytes, Decision] = {}
    decisions: list[Decision] = []
    for text in texts:
        if text is None:
            decisions.append(unrecorded)
            continue
        version, _, choices = text.partition(b" ")
        if not version.isdigit():
            raise ValueError("not the text of a consent state")
        decision = by_choices.get(choices)
        if decision is None:
            decision = by_choices[choices] = _decide_choices(purpose, choices)
        decisions.append(decision)
    return decisions


@lru_cache(maxsize=4096)
def _decide_choices(purpose: Purpose, choices: bytes) -> Decision:
    return decide(purpose, ConsentState(0, parse_choices(choices)))
