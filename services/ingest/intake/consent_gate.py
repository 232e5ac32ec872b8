"""What consent lets through: one read for a whole batch, then a decision for each event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, Purpose, Subjectless
from libs.catalog.event_words import PRIVACY_LEVELS
from libs.consent import (
    ConsentState,
    ConsentUnavailable,
    Decision,
    decide,
    decide_subjectless,
    parse_state,
)
from services.ingest.dead_letters.content import (
    Content,
    allowed_content,
    clean_texts,
    reduce_event,
    remove_properties,
)
from services.ingest.intake.addresses import truncate_ip
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.model import DropReason, Outcome, Rejection, Verdict
from services.ingest.intake.ports import ConsentStates
from services.ingest.intake.screening import Candidate
from services.ingest.intake.subjects import (
    Links,
    Subject,
    links_between,
    others_in_rejected,
    others_named,
    subject_of,
)

PRIVACY_LEVEL_PII = PRIVACY_LEVELS.index("pii")
NO_LINKS = Links({}, {})
Rejected = tuple[int, Event]


@dataclass(slots=True)
class _Batch:
    """What the decisions of one batch share. `states` has the consents as they are stored, by person,
    `others` the people whom an event names beside its subject, by position; None for a rejected event in
    which they are not looked for."""

    catalog: Catalog
    states: Mapping[str, bytes | None]
    links: Links
    others: Mapping[int, Sequence[str] | None]
    outcome: Outcome

    def others_who_denied(self, position: int, purposes: Sequence[Purpose]) -> set[str]:
        """The other people whom the event names and who do not let each of the purposes name them."""
        states = {
            person_id: self.states[person_id] for person_id in self.others.get(position) or ()
        }
        return {person_id for person_id, text in states.items() if _denies(_parsed(text), purposes)}

    def decide_subjectless(self, purpose: Purpose, event: Event) -> Decision:
        """What becomes of an event that names no person. If other events of the batch show whose it is, it
        is still not attributed to that person, and passes only if their consent allows it unchanged."""
        person_id = self.links.person_of(event)
        if not person_id:
            return decide_subjectless(purpose)
        allowed = decide(purpose, _parsed(self.states[person_id])) is Decision.ALLOW
        return Decision.ALLOW if allowed else Decision.DROP


class ConsentGate:
    """Decides for each event whether it passes as it is, under a pseudonym, or not at all."""

    def __init__(self, states: ConsentStates, anonymizer: Anonymizer) -> None:
        self._states = states
        self._anonymizer = anonymizer

    async def admit(
        self,
        catalog: Catalog,
        candidates: Sequence[Candidate],
        rejected: Sequence[Rejected],
        rejections: Mapping[int, Rejection],
        outcome: Outcome,
    ) -> list[Candidate]:
        """The candidates that may go on, changed as consent asks; sets the verdict of the others.

        `rejected` events, whose rejections are given by position, will become dead letters, which need
        consent to be kept just as well: without it they lose what consent forbids to keep, or their
        verdict becomes DROPPED. Raises Unavailable when consent cannot be read.
        """
        subjects = [subject_of(catalog, event) for _, event in rejected]
        others = _others(catalog, candidates, rejected, rejections, subjects)
        asked = [candidate.subject_id for candidate in candidates if candidate.subject_id]
        asked += [subject.id for subject in subjects if subject.id]
        for named in others.values():
            asked += named or ()
        # An id that many events name is asked about once.
        asked = list(dict.fromkeys(asked))
        answers = await self._states.read(catalog.app_id, asked)
        batch = _Batch(
            catalog,
            dict(zip(asked, answers, strict=True)),
            # Before anything is changed: it is the ids as they were sent that link events.
            _links(candidates, rejected, subjects),
            others,
            outcome,
        )
        admitted = [candidate for candidate in candidates if self._admit(batch, candidate)]
        for (position, event), subject in zip(rejected, subjects, strict=True):
            self._reduce(batch, position, event, subject)
        return admitted

    def _admit(self, batch: _Batch, candidate: Candidate) -> bool:
        """Whether the event passes; changes it as consent asks."""
        catalog, event, event_type = batch.catalog, candidate.event, candidate.event_type
        subject_id, purpose = candidate.subject_id, event_type.purpose
        state = None
        if subject_id and (purpose is not None or catalog.location_purpose is not None):
            state = _parsed(batch.states[subject_id])
        decision = Decision.ALLOW
        if purpose is not None:
            if subject_id:
                decision = decide(purpose, state)
            elif purpose.subjectless is Subjectless.DROP:
                decision = batch.decide_subjectless(purpose, event)
            if decision is Decision.DROP:
                reason = DropReason.DENIED if subject_id else DropReason.SUBJECTLESS
                batch.outcome.drop(candidate.position, reason)
                return False
        self._limit_trace(catalog, event, state, subject_id)
        if event_type.counts_only:
            for field in ("context", "attribution", "request_id"):
                event.ClearField(field)
            if event_type.name not in catalog.entity_events:
                event.ClearField("entity")
        if subject_id and (
            decision is Decision.ANONYMIZE or event.privacy_level == PRIVACY_LEVEL_PII
        ):
            self._anonymizer.anonymize(catalog, candidate, batch.outcome)
            batch.outcome.verdicts[candidate.position] = Verdict.ANONYMIZED
        if batch.others and purpose is not None:
            denied = batch.others_who_denied(candidate.position, (purpose,))
            if denied:
                self._anonymizer.remove_others(
                    catalog, candidate.version, event, denied, candidate.position, batch.outcome
                )
        return True

    def _limit_trace(
        self, catalog: Catalog, event: Event, state: ConsentState | None, subject_id: str
    ) -> None:
        """Cuts the address, or removes it without the purpose that the catalog names, so that no country
        can be found later; keys the producer's own stand-in again."""
        context = event.context
        if address := context.ip:
            purpose = catalog.location_purpose
            if purpose is None or _allows(purpose, state, subject_id):
                context.ip = truncate_ip(address)
            else:
                context.ip = ""
        if event.anonymous_id:
            event.anonymous_id = self._anonymizer.rekeyed(catalog.app_id, event.anonymous_id)

    def _reduce(self, batch: _Batch, position: int, event: Event, subject: Subject) -> None:
        """Leaves of a rejected event what its dead letter may hold, and sets its verdict."""
        catalog = batch.catalog
        state = _parsed(batch.states[subject.id]) if subject.id else None
        event_type = catalog.events.get(event.name)
        # The purpose of an unknown event is unknown, so each may be its own.
        purposes = catalog.purposes.values() if event_type is None else (event_type.purpose,)
        asked = [purpose for purpose in purposes if purpose is not None]
        if subject.id or not subject.certain:
            decisions = [decide(purpose, state) for purpose in asked]
        else:
            decisions = [batch.decide_subjectless(purpose, event) for purpose in asked]
        content = allowed_content(
            event_type, subject, decisions, is_pii=event.privacy_level == PRIVACY_LEVEL_PII
        )
        if content is Content.NONE:
            reason = DropReason.DENIED if subject.id else DropReason.SUBJECTLESS
            batch.outcome.drop(position, reason)
            return
        sent_id = event.event_id
        # The subject may be named by its properties only.
        if subject.id and not event.subject_id:
            event.subject_id = subject.id
        self._limit_trace(catalog, event, state, subject.id)
        reduce_event(catalog, event, subject, content, self._anonymizer)
        if content is not Content.BARE and batch.others.get(position, ()) is None:
            remove_properties(event)
            # A person about whom nothing was asked.
            entity = event.entity
            if entity.type in catalog.subject_entity_types and entity.id != subject.id:
                event.ClearField("entity")
        denied = batch.others_who_denied(position, asked)
        if denied:
            version = event_type.version(event.schema_version) if event_type else None
            for person_id in denied:
                clean_texts(catalog, event, person_id)
            self._anonymizer.remove_others(catalog, version, event, denied, position, batch.outcome)
        if event.event_id != sent_id:
            batch.outcome.sent_ids[position] = sent_id
        batch.outcome.verdicts[position] = Verdict.REJECTED


def _links(
    candidates: Sequence[Candidate], rejected: Sequence[Rejected], subjects: Sequence[Subject]
) -> Links:
    """The links of a batch, if one of its events needs them."""
    needed = any(not subject.id for subject in subjects) or any(
        not candidate.subject_id
        and candidate.event_type.purpose is not None
        and candidate.event_type.purpose.subjectless is Subjectless.DROP
        for candidate in candidates
    )
    if not needed:
        return NO_LINKS
    return links_between(
        [(candidate.event, candidate.subject_id) for candidate in candidates]
        + [(event, subject.id) for (_, event), subject in zip(rejected, subjects, strict=True)]
    )


def _others(
    catalog: Catalog,
    candidates: Sequence[Candidate],
    rejected: Sequence[Rejected],
    rejections: Mapping[int, Rejection],
    subjects: Sequence[Subject],
) -> dict[int, list[str] | None]:
    """The other people whom events name, by position; only where the catalog marks such places. None for
    rejected events that cannot be looked through."""
    found: dict[int, list[str] | None] = {}
    subject_name, marks_others = catalog.subject_name, catalog.names_others
    for position, event, _, _, version, properties, subject_id, _ in candidates:
        # In most apps no place is marked but one, and few events use it.
        if marks_others or subject_name in properties:
            named = others_named(catalog, event, version.subject_properties, properties, subject_id)
            found[position] = list(named)
    for (position, event), subject in zip(rejected, subjects, strict=True):
        too_large = rejections[position].too_large
        found[position] = None if too_large else others_in_rejected(catalog, event, subject.id)
    return {position: named for position, named in found.items() if named != []}


def _allows(purpose: Purpose, state: ConsentState | None, subject_id: str) -> bool:
    decision = decide(purpose, state) if subject_id else decide_subjectless(purpose)
    return decision is Decision.ALLOW


def _denies(state: ConsentState | None, purposes: Sequence[Purpose]) -> bool:
    return any(decide(purpose, state) is not Decision.ALLOW for purpose in purposes)


def _parsed(text: bytes | None) -> ConsentState | None:
    """A person's state. Raises ConsentUnavailable for a damaged one: it does not say what was denied."""
    if text is None:
        return None
    try:
        return parse_state(text)
    except ValueError:
        raise ConsentUnavailable(
            "a person's consent is recorded in a form that cannot be read"
        ) from None
