"""What consent lets through: one read for all frames of a batch, then a decision for each event."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from weir.common.v1 import event_pb2

from libs.catalog import Catalog, Purpose, Subjectless
from libs.common.errors import Unavailable
from libs.consent import Decision
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.batch_consents import BatchConsents
from services.ingest.intake.model import (
    Candidate,
    Frame,
    Outcome,
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
    teacher_of,
)

NO_LINKS = Links({}, {})


class _People(NamedTuple):
    """Whom the events of a frame are about or name, by the events' positions."""

    # Beside the subjects of the candidates, which these have themselves.
    others: Mapping[int, Sequence[str]]
    teachers: Mapping[int, str]
    rejected: Mapping[int, RejectedPeople]
    # Made of the ids as they were sent, which consent may change.
    links: Links
    # Everyone whose consent the frame needs.
    asked: Sequence[str]


class ConsentGate:
    """Decides for each event whether it passes as it is, under a pseudonym, or not at all."""

    def __init__(self, states: ConsentMirrorReader, anonymizer: Anonymizer) -> None:
        self._states = states
        self._anonymizer = anonymizer

    async def admit(self, catalog: Catalog, frames: Sequence[Frame], now_us: int) -> None:
        """Sets `admitted` of screened frames, the candidates that may go on, changed as consent asks, and the
        verdicts of the others, as consent is `now_us` (microseconds since 1970).

        Rejected events will become dead letters, which need consent to be kept just as well: without it they
        lose what consent forbids to keep, or their verdict becomes DROPPED. A frame whose people's consent
        cannot be read gets an `error`; events that ask for none need none.
        """
        people: list[tuple[Frame, _People]] = []
        for frame in frames:
            with frame.failing_alone():
                people.append((frame, _people_of(catalog, frame.screening)))
        consents = BatchConsents(await self._read(catalog, people), now_us)
        for frame, named in people:
            if frame.error is None:
                with frame.failing_alone():
                    self._admit_frame(catalog, consents, frame, named)

    async def _read(
        self, catalog: Catalog, people: Sequence[tuple[Frame, _People]]
    ) -> Mapping[str, bytes | None]:
        """The states of everyone whose consent is needed. If they cannot be read, that is the error of the
        frames that need any."""
        # An id that many events name is asked about once.
        ids = [*dict.fromkeys(chain.from_iterable(named.asked for _, named in people))]
        try:
            states = await self._states.read(catalog.app_id, ids) if ids else ()
        except Unavailable as error:
            for frame, named in people:
                if named.asked:
                    frame.error = error
            return {}
        return dict(zip(ids, states, strict=True))

    def _admit_frame(
        self, catalog: Catalog, consents: BatchConsents, frame: Frame, people: _People
    ) -> None:
        screening, outcome = frame.screening, frame.outcome
        for candidate in screening.passed:
            passed = self._admit(catalog, consents, candidate, people, outcome)
            if passed is not None:
                frame.admitted.append(passed)
        if screening.rejected:
            reduction = RejectedReduction(catalog, consents, people.links, self._anonymizer)
            for event in screening.rejected:
                reduction.reduce(event, people.rejected[event.position], outcome)

    def _admit(
        self,
        catalog: Catalog,
        consents: BatchConsents,
        candidate: Candidate,
        people: _People,
        outcome: Outcome,
    ) -> Candidate | None:
        """The candidate, changed as the consent of its people asks; None if it may not pass. Most events stay
        as they are, and are not touched."""
        event_type, subject_id = candidate.event_type, candidate.subject_id
        purpose, location = event_type.purpose, catalog.location_purpose
        collection = catalog.collection
        decision = Decision.ALLOW
        if purpose is not None:
            if subject_id:
                decision = consents.decide(purpose, subject_id)
            elif purpose.subjectless is Subjectless.DROP:
                decision = consents.decide_subjectless(
                    purpose, people.links, candidate.session_id, candidate.anonymous_id
                )
            if decision is Decision.DROP:
                outcome.drop(candidate.position, consents.drop_reason(subject_id))
                return None
        if location is not None and not consents.allows(location, subject_id):
            self._anonymizer.remove_address(candidate)
        if candidate.anonymous_id:
            self._anonymizer.replace_anonymous_id(catalog, candidate)
        if event_type.counts_only:
            candidate = self._anonymizer.remove_content(catalog, candidate, outcome)
        unguarded = catalog.minors is not None and _is_unguarded(
            consents, purpose or catalog.minors.identity, subject_id
        )
        if unguarded:
            self._anonymizer.remove_traces(candidate)
        # Whatever was granted: the sender says that it is about someone, or a guardian has not granted it.
        identifies_no_one = unguarded or candidate.privacy_level == event_pb2.PRIVACY_LEVEL_PII
        keeps_session = False
        if event_type.has_no_person:
            candidate = self._anonymizer.remove_person(catalog, candidate, outcome)
        elif identifies_no_one or (decision is Decision.ANONYMIZE and subject_id):
            candidate = self._anonymizer.anonymize(
                catalog, candidate, outcome, keeps_undeclared=not identifies_no_one
            )
            outcome.verdicts[candidate.position] = Verdict.ANONYMIZED
        else:
            keeps_session = bool(candidate.session_id)
        if purpose is not None and (
            candidate.position in people.others or candidate.position in people.teachers
        ):
            denied = _who_denied(consents, purpose, candidate, people)
            if denied:
                candidate = self._anonymizer.remove_others(catalog, candidate, denied, outcome)
        if keeps_session and collection.hashes_sessions:
            self._anonymizer.replace_session(catalog, candidate.event)
        if collection.hashed and self._anonymizer.hash_named(catalog, candidate.event):
            candidate = candidate._replace(properties_json=candidate.event.properties_json)
        return candidate


def _is_unguarded(consents: BatchConsents, purpose: Purpose | None, person_id: str) -> bool:
    return purpose is not None and consents.is_unguarded(purpose, person_id)


def _who_denied(
    consents: BatchConsents, purpose: Purpose, candidate: Candidate, people: _People
) -> set[str]:
    """Those whom an event names beside its subject although they do not let its purpose. A teacher does
    unless they have said no: what the default says of learners is not about those who teach them."""
    others = people.others.get(candidate.position)
    denied = consents.who_denied((purpose,), others) if others else set[str]()
    teacher = people.teachers.get(candidate.position)
    if teacher and consents.refuses((purpose,), teacher):
        denied.add(teacher)
    return denied


def _people_of(catalog: Catalog, screening: Screening) -> _People:
    others = _others_of(catalog, screening.passed)
    teachers = _teachers_of(catalog, screening.passed)
    rejected = {event.position: people_in_rejected(catalog, event) for event in screening.rejected}
    links = _links(screening, rejected)
    all_ask = (
        catalog.location_purpose is not None
        or links is not NO_LINKS
        or (catalog.minors is not None and catalog.minors.identity is not None)
    )
    asked = [
        one.subject_id
        for one in screening.passed
        if one.subject_id and (all_ask or one.event_type.purpose is not None)
    ]
    for named in others.values():
        asked += named
    asked += teachers.values()
    for found in rejected.values():
        asked += found.ids()
    return _People(others, teachers, rejected, links, asked)


def _others_of(catalog: Catalog, candidates: Sequence[Candidate]) -> dict[int, list[str]]:
    """The people whom events name beside their subjects, by position."""
    found = {}
    subject_name, marks_others = catalog.subject_name, catalog.names_others
    for candidate in candidates:
        # Most apps mark no place but one, and few events use it.
        if candidate.event_type.purpose is not None and (
            marks_others or subject_name in candidate.properties
        ):
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


def _teachers_of(catalog: Catalog, candidates: Sequence[Candidate]) -> dict[int, str]:
    """The teachers of events that ask for consent, by position."""
    if not catalog.names_teachers:
        return {}
    return {
        candidate.position: teacher
        for candidate in candidates
        if candidate.event_type.purpose is not None
        and (teacher := teacher_of(catalog, candidate.event, candidate.subject_id))
    }


def _links(screening: Screening, people: Mapping[int, RejectedPeople]) -> Links:
    """The links of a frame, if one of its events needs them."""
    candidates = screening.passed
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
                for position, event, _ in screening.rejected
            ),
        ]
    )
