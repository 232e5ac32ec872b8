"""What the people of one batch have agreed to, and what follows from it for each purpose."""

from collections.abc import Mapping, Sequence

from libs.catalog import Purpose
from libs.consent import (
    ConsentUnavailable,
    Decision,
    PurposeDecisions,
    decide_subjectless,
    decisions_for,
    is_restricted,
)
from services.ingest.intake.model import DropReason
from services.ingest.intake.subjects import Links


class BatchConsents:
    """`states` has the consents of the batch's people as `ConsentReader.read` gave them, `now_us` the moment
    for which is decided: a grant may have ended by then."""

    def __init__(self, states: Mapping[str, bytes | None], now_us: int) -> None:
        self._states = states
        self._now_us = now_us
        self._decisions: dict[str, PurposeDecisions] = {}

    def decide(self, purpose: Purpose, person_id: str) -> Decision:
        """What follows for an event of the purpose. `person_id` is one of the batch's people. Raises
        ConsentUnavailable if the person's state is damaged: it does not say what was denied."""
        decisions = self._decisions.get(purpose.name) or self._decisions_of(purpose)
        try:
            return decisions.of(self._states[person_id], self._now_us)
        except ValueError:
            raise _unreadable() from None

    def drop_reason(self, person_id: str) -> DropReason:
        """Why an event about one of the batch's people is dropped, or one about no person (empty id)."""
        if not person_id:
            return DropReason.SUBJECTLESS
        if is_restricted(self._states.get(person_id)):
            return DropReason.RESTRICTED
        return DropReason.DENIED

    def decide_unreadable(self, purpose: Purpose) -> Decision:
        """What follows for an event about a person whose id cannot be read."""
        return self._decisions_of(purpose).of(None, self._now_us)

    def decide_subjectless(
        self, purpose: Purpose, links: Links, session_id: str, anonymous_id: str
    ) -> Decision:
        """What follows for an event that names no person, with ids as they were sent. If other events of its
        frame show whose it is, it is still not attributed to that person, and passes only if their consent
        allows it unchanged."""
        person_id = links.person_behind(session_id, anonymous_id)
        if not person_id:
            return decide_subjectless(purpose)
        return Decision.ALLOW if self.allows(purpose, person_id) else Decision.DROP

    def allows(self, purpose: Purpose, person_id: str) -> bool:
        """Whether the purpose may have the person's data as they are; for events without a person
        (empty id), whether it takes those."""
        if not person_id:
            return decide_subjectless(purpose) is Decision.ALLOW
        return self.decide(purpose, person_id) is Decision.ALLOW

    def is_unguarded(self, purpose: Purpose, person_id: str) -> bool:
        """Whether the person is a minor for whom no guardian has granted the purpose. Raises as `decide`."""
        if purpose.ages is None or not person_id:
            return False
        decisions = self._decisions.get(purpose.name) or self._decisions_of(purpose)
        try:
            return decisions.is_unguarded(self._states[person_id], self._now_us)
        except ValueError:
            raise _unreadable() from None

    def who_denied(self, purposes: Sequence[Purpose], person_ids: Sequence[str]) -> set[str]:
        """Those of the people who do not let each of the purposes name them."""
        return {
            person_id
            for person_id in set(person_ids)
            if not all(self.allows(purpose, person_id) for purpose in purposes)
        }

    def refuses(self, purposes: Sequence[Purpose], person_id: str) -> bool:
        """Whether the person has said no to one of the purposes; false for no person (empty id). Raises as
        `decide`."""
        if not person_id:
            return False
        # A loop, because this is done for each event with a teacher.
        for purpose in purposes:
            decisions = self._decisions.get(purpose.name) or self._decisions_of(purpose)
            try:
                if decisions.refuses(self._states[person_id], self._now_us):
                    return True
            except ValueError:
                raise _unreadable() from None
        return False

    def _decisions_of(self, purpose: Purpose) -> PurposeDecisions:
        return self._decisions.setdefault(purpose.name, decisions_for(purpose))


def _unreadable() -> ConsentUnavailable:
    return ConsentUnavailable("a person's consent is recorded in a form that cannot be read")
