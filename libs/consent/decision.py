"""May an event be about this person? The one place that says what a state means for a purpose."""

from collections.abc import Iterable
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from libs.catalog.model import Purpose, Subjectless, WhenDenied
from libs.consent.state import (
    ALL_PURPOSES,
    ConsentState,
    Status,
    Words,
    detail_at,
    encode_state,
    parse_words,
)

# What is remembered stays below 10 MB: purposes, and different choices for each of them.
MAX_PURPOSES = 64
MAX_CHOICES = 256


class Decision(IntEnum):
    """What may be done with the event. The numbers are those of `weir.privacy.v1.Decision`."""

    ALLOW = 1
    ANONYMIZE = 2
    DROP = 3


class Reason(IntEnum):
    """Why so. The numbers are those of `weir.privacy.v1.DecisionReason`."""

    ANSWER = 1
    EXPIRED = 2
    DEFAULT = 3
    GUARDIAN_MISSING = 4
    AGE = 5
    RESTRICTED = 6


_OWN_NO = {Reason.ANSWER, Reason.EXPIRED, Reason.RESTRICTED}


class Ruling(NamedTuple):
    """A decision, what it was made from, and the version of the recording that decided; 0 if none did."""

    decision: Decision
    status: Status
    reason: Reason
    version: int = 0


_DENIED = {WhenDenied.ANONYMIZE: Decision.ANONYMIZE, WhenDenied.DROP: Decision.DROP}


class _Rule(NamedTuple):
    """What follows from the words of a state: all but the version, unless a grant has ended. `place` is that
    of the purpose among the choices, -1 if it has none, and behind all of them that of a restriction;
    `is_minor`: a guardian has to have granted it, or it cannot be granted at all."""

    ruling: Ruling
    place: int
    is_minor: bool


def decide(purpose: Purpose, state: ConsentState | None, now_us: int) -> Ruling:
    """The person's answer to the purpose, or the catalog's default if there is none; `now_us` is in
    microseconds since 1970.

    `state` is None for a person of whom nothing is recorded; a state that could not be read is not
    None, it is an error (`ConsentUnavailable`), and nothing is decided.
    """
    return decisions_for(purpose).ruling(None if state is None else encode_state(state), now_us)


def decide_subjectless(purpose: Purpose) -> Decision:
    """What may be done with an event that names no person."""
    return Decision.DROP if purpose.subjectless is Subjectless.DROP else Decision.ALLOW


class PurposeDecisions:
    """`decide` for one purpose and the encoded states that `ConsentReader.read` gave, at 0.3 µs each: a whole
    population has only a few different choices, and what follows from them is remembered. Only a grant that
    ends is looked at each time: its end is in the state, and nothing has to happen for it to take effect."""

    def __init__(self, purpose: Purpose) -> None:
        self._purpose = purpose
        self._nothing_recorded = self._rule_of(Words("", ()))
        # Not by state: each recording has a version of its own.
        self._rules: dict[bytes, _Rule] = {}
        # The decisions that no time changes.
        self._lasting: dict[bytes, Decision] = {}

    def of(self, encoded: bytes | None, now_us: int) -> Decision:
        """What follows from a person's state; None if nothing is recorded. Raises ValueError for
        bytes that are no state."""
        if encoded is None:
            return self._nothing_recorded.ruling.decision
        decision = self._lasting.get(encoded.partition(b" ")[2])
        if decision is None or not encoded[:1].isdigit():
            return self.ruling(encoded, now_us).decision
        return decision

    def ruling(self, encoded: bytes | None, now_us: int) -> Ruling:
        """The same with what it was made from."""
        if encoded is None:
            return self._nothing_recorded.ruling
        head, _, words = encoded.partition(b" ")
        ruling, place, _ = self._rules.get(words) or self._learn(words)
        if place < 0:
            detail_at(head, 0)  # Raises for what is no state.
            return ruling
        detail = detail_at(head, place)
        decision, status, reason, _ = ruling
        if status is Status.GRANTED and reason is not Reason.RESTRICTED:
            end_us = grant_end(self._purpose, detail.recorded_at_us, detail.expires_at_us)
            if end_us is not None and now_us >= end_us:
                decision = _DENIED[self._purpose.when_denied]
                status, reason = Status.EXPIRED, Reason.EXPIRED
        return Ruling(decision, status, reason, detail.version)

    def is_unguarded(self, encoded: bytes | None, now_us: int) -> bool:
        """Whether the person is a minor for whom no guardian's grant is in force: nothing that identifies
        them may be kept."""
        words = b"" if encoded is None else encoded.partition(b" ")[2]
        is_minor = (self._rules.get(words) or self._learn(words)).is_minor
        return is_minor and self.of(encoded, now_us) is not Decision.ALLOW

    def refuses(self, encoded: bytes | None, now_us: int) -> bool:
        """Whether the person has said no to the purpose, has let a grant end, or has restricted the use of
        their data: a no by the catalog's default, or for want of a guardian, is none of these."""
        if self.of(encoded, now_us) is Decision.ALLOW:
            return False
        return self.ruling(encoded, now_us).reason in _OWN_NO

    def _learn(self, words: bytes) -> _Rule:
        parsed = parse_words(words)
        rule, lasts = self._rule_of(parsed), True
        ruling, place, _ = rule
        if place >= 0 and ruling.decision is Decision.ALLOW:
            lasts = self._purpose.expires_seconds is None and not parsed.choices[place].ends
        if len(self._rules) >= MAX_CHOICES:
            self._rules.clear()
            self._lasting.clear()
        self._rules[words] = rule
        if lasts:
            self._lasting[words] = ruling.decision
        return rule

    def _rule_of(self, words: Words) -> _Rule:
        purpose, ages = self._purpose, self._purpose.ages
        status, place = Status.UNKNOWN, -1
        for number, word in enumerate(words.choices):
            # Sorted, so that the purpose itself comes after what is said of all of them.
            if word.purpose in (ALL_PURPOSES, purpose.name):
                status, place = word.status, number
        if status is Status.UNKNOWN:
            granted, reason = purpose.default_granted, Reason.DEFAULT
        else:
            granted, reason = status is Status.GRANTED, Reason.ANSWER
        closed = ages is not None and ages.closes(words.age_band)
        asks_guardian = ages is not None and ages.asks_guardian(words.age_band)
        if words.restricted:
            # Not even under a pseudonym, which would be the person's data as well.
            ruling = Ruling(Decision.DROP, status, Reason.RESTRICTED)
            return _Rule(ruling, len(words.choices), closed or asks_guardian)
        # A minor's own "no" counts, and is the reason.
        if granted or status is Status.UNKNOWN:
            if closed:
                granted, reason = False, Reason.AGE
            elif asks_guardian and not (place >= 0 and words.choices[place].by_guardian):
                granted, reason = False, Reason.GUARDIAN_MISSING
        decision = Decision.ALLOW if granted else _DENIED[purpose.when_denied]
        return _Rule(Ruling(decision, status, reason), place, closed or asks_guardian)


def grant_end(
    purpose: Purpose | None, recorded_at_us: int, expires_at_us: int | None
) -> int | None:
    """When a grant ends, in microseconds since 1970: by what its recording says, or by the catalog's
    period, whichever is earlier; None if by neither. Raises ValueError if it is not known when it was
    recorded, and it matters."""
    if purpose is None or purpose.expires_seconds is None:
        return expires_at_us
    if not recorded_at_us:
        raise ValueError("a state that does not say when a grant was recorded")
    end_us = recorded_at_us + purpose.expires_seconds * 1_000_000
    return end_us if expires_at_us is None else min(end_us, expires_at_us)


@lru_cache(maxsize=MAX_PURPOSES)
def decisions_for(purpose: Purpose) -> PurposeDecisions:
    """The decisions for a purpose, the same object for all batches."""
    return PurposeDecisions(purpose)


def rulings_for(purpose: Purpose, encoded: Iterable[bytes | None], now_us: int) -> list[Ruling]:
    """The ruling for each encoded state that `ConsentReader.read` gave, in order.

    Raises ValueError for bytes that are no state.
    """
    ruling = decisions_for(purpose).ruling
    return [ruling(each, now_us) for each in encoded]
