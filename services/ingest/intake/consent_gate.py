"""What consent lets through: one read for a whole batch, then a decision for each event."""

from collections.abc import Mapping, Sequence

from weir.common.v1 import event_pb2

from libs.catalog import Catalog, Subjectless
from libs.consent import Decision
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.batch_consents import BatchConsents
from services.ingest.intake.model import (
    Candidate,
    DropReason,
    Outcome,
    RejectedEvent,
    Screening,
    Verdict,
)
from services.ingest.intake.ports import ConsentMirrorReader
from services.ingest.intake.rejected_reduction import RejectedReduction
from services.ingest.intake.subjects import (
    Links,
    RejectedPeople,
    links_between,
    others_named,
    people_in_rejected,
)

NO_LINKS = Links({}, {})


class ConsentGate:
    """Decides for each event whether it passes as it is, under a pseudonym, or not at all."""

    def __init__(self, states: ConsentMirrorReader, anonymizer: Anonymizer) -> None:
        self._states = states
        self._anonymizer = anonymizer

    async def admit(
        self, catalog: Catalog, screening: Screening, outcome: Outcome
    ) -> list[Candidate]:
        """The candidates that may go on, changed as consent asks; sets the verdict of the others.

        Rejected events will become dead letters, which need consent to be kept just as well: without it they
        lose what consent forbids to keep, or their verdict becomes DROPPED. Raises Unavailable if consent
        cannot be read.
        """
        candidates, rejected = screening.passed, screening.rejected
        people = {event.position: people_in_rejected(catalog, event) for event in rejected}
        others = _others_of(catalog, candidates)
        # An id that many events name is asked about once.
        asked = dict.fromkeys([one.subject_id for one in candidates if one.subject_id])
        for named in others.values():
            asked.update(dict.fromkeys(named))
        for found in people.values():
            asked.update(dict.fromkeys(found.ids()))
        ids = [*asked]
        states = await self._states.read(catalog.app_id, ids)
        consents = BatchConsents(
            dict(zip(ids, states, strict=True)),
            # Before anything is changed: it is the ids as they were sent that link events.
            _links(candidates, rejected, people),
        )
        admitted = []
        for candidate in candidates:
            passed = self._admit(catalog, consents, candidate, others, outcome)
            if passed is not None:
                admitted.append(passed)
        reduction = RejectedReduction(catalog, consents, self._anonymizer)
        for event in rejected:
            reduction.reduce(event, people[event.position], outcome)
        return admitted

    def _admit(
        self,
        catalog: Catalog,
        consents: BatchConsents,
        candidate: Candidate,
        others: Mapping[int, Sequence[str]],
        outcome: Outcome,
    ) -> Candidate | None:
        """The candidate, changed as the consent of its people asks; None if it may not pass. Most events stay
        as they are, and are not touched."""
        event_type, subject_id = candidate.event_type, candidate.subject_id
        purpose, location = event_type.purpose, catalog.location_purpose
        decision = Decision.ALLOW
        if purpose is not None:
            if subject_id:
                decision = consents.decide(purpose, subject_id)
            elif purpose.subjectless is Subjectless.DROP:
                decision = consents.decide_subjectless(
                    purpose, candidate.session_id, candidate.anonymous_id
                )
            if decision is Decision.DROP:
                reason = DropReason.DENIED if subject_id else DropReason.SUBJECTLESS
                outcome.drop(candidate.position, reason)
                return None
        if location is not None and not consents.allows(location, subject_id):
            self._anonymizer.remove_address(candidate)
        if candidate.anonymous_id:
            self._anonymizer.replace_anonymous_id(catalog, candidate)
        if event_type.counts_only:
            self._anonymizer.remove_content(catalog, candidate)
        if subject_id and (
            decision is Decision.ANONYMIZE or candidate.privacy_level == event_pb2.PRIVACY_LEVEL_PII
        ):
            candidate = self._anonymizer.anonymize(catalog, candidate, outcome)
            outcome.verdicts[candidate.position] = Verdict.ANONYMIZED
        if candidate.position in others and purpose is not None:
            denied = consents.who_denied((purpose,), others[candidate.position])
            if denied:
                candidate = self._anonymizer.remove_others(catalog, candidate, denied, outcome)
        return candidate


def _others_of(catalog: Catalog, candidates: Sequence[Candidate]) -> dict[int, list[str]]:
    """The people whom events name beside their subjects, by position."""
    found = {}
    subject_name, marks_others = catalog.subject_name, catalog.names_others
    for candidate in candidates:
        # Most apps mark no place but one, and few events use it.
        if marks_others or subject_name in candidate.properties:
            named = others_named(
                catalog,
                candidate.event,
                candidate.version.subject_properties,
                candidate.properties,
                candidate.subject_id,
            )
            if named:
                found[candidate.position] = named
    return found


def _links(
    candidates: Sequence[Candidate],
    rejected: Sequence[RejectedEvent],
    people: Mapping[int, RejectedPeople],
) -> Links:
    """The links of a batch, if one of its events needs them."""
    needed = any(not found.subject.id for found in people.values()) or any(
        candidate.event_type.purpose is not None
        and candidate.event_type.purpose.subjectless is Subjectless.DROP
        for candidate in candidates
        if not candidate.subject_id
    )
    if not needed:
        return NO_LINKS
    return links_between(
        [
            *((one.subject_id, one.session_id, one.anonymous_id) for one in candidates),
            *(
                (people[position].subject.id, event.session_id, event.anonymous_id)
                for position, event, _ in rejected
            ),
        ]
    )
