"""What consent leaves of a rejected event, whose dead letter is kept like any event."""

from collections.abc import Sequence

from weir.common.v1 import event_pb2
from weir.common.v1.event_pb2 import Event

from libs.catalog import Catalog, EventType, PersonalData, Purpose
from libs.common.event_properties import PropertiesError
from libs.common.exact_json import exact_dumps
from libs.consent import Decision
from services.ingest.dead_letters.content import LetterContent, lesser
from services.ingest.intake.addresses import truncate_ip
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.batch_consents import BatchConsents
from services.ingest.intake.day_only import has_day_only
from services.ingest.intake.declared_context import keep_context
from services.ingest.intake.model import Outcome, RejectedEvent, Verdict
from services.ingest.intake.personal_data_check import clean_rejected, flag_rejected
from services.ingest.intake.properties import parse_properties
from services.ingest.intake.rejected_content import (
    Content,
    allowed_content,
    declared_properties,
    marked_properties,
    reduce_event,
    remove_id_from_texts,
    remove_properties,
    sealed_properties,
)
from services.ingest.intake.subjects import EventSubject, Links, RejectedPeople, has_person

_KEPT = {
    Content.WHOLE: LetterContent.WHOLE,
    Content.PSEUDONYMOUS: LetterContent.WITHOUT_PROPERTIES,
    Content.BARE: LetterContent.BARE,
}


class RejectedReduction:
    """Reduces the rejected events of one frame."""

    def __init__(
        self, catalog: Catalog, consents: BatchConsents, links: Links, anonymizer: Anonymizer
    ) -> None:
        self._catalog = catalog
        self._consents = consents
        self._links = links
        self._anonymizer = anonymizer

    def reduce(self, rejected: RejectedEvent, people: RejectedPeople, outcome: Outcome) -> None:
        """Removes from the event what its dead letter may not hold, and sets its verdict: REJECTED, or
        DROPPED if there may be no dead letter."""
        position, event, _ = rejected
        subject = people.subject
        event_type = self._catalog.events.get(event.name)
        # The purpose of an unknown event is unknown, so each may be its own.
        purposes = self._catalog.purposes.values() if event_type is None else (event_type.purpose,)
        asked = [purpose for purpose in purposes if purpose is not None]
        content = allowed_content(
            event_type,
            subject,
            self._decisions(event, subject, asked),
            is_pii=event.privacy_level == event_pb2.PRIVACY_LEVEL_PII,
            is_forbidden=self._is_unguarded(asked, subject)
            or self._is_forbidden(event_type, event, people),
        )
        if content is Content.NONE:
            outcome.drop(position, self._consents.drop_reason(subject.id))
            return
        sent_id = event.event_id
        kept = _KEPT[content]
        self._prepare(event, subject)
        reduce_event(self._catalog, event, subject, content, self._anonymizer)
        if has_day_only(self._catalog, event.name):
            self._anonymizer.remove_time(self._catalog, event)
        if content is not Content.BARE and people.others is None:
            self._remove_unknown_people(event, subject)
            kept = LetterContent.WITHOUT_PROPERTIES
        denied = self._consents.who_denied(asked, people.others or ())
        if self._consents.refuses(asked, people.teacher):
            denied.add(people.teacher)
        if denied:
            version = event_type.version(event.schema_version) if event_type else None
            for person_id in denied:
                remove_id_from_texts(self._catalog, event, person_id)
            self._anonymizer.remove_people(self._catalog, version, event, denied, position, outcome)
            kept = lesser(kept, LetterContent.REDUCED)
        # Of an event under a pseudonym it is replaced already.
        if content is Content.WHOLE and self._catalog.collection.hashes_sessions:
            self._anonymizer.replace_session(self._catalog, event)
        if content is not Content.BARE:
            kept = lesser(kept, self._collect_less(event, event_type))
        outcome.letter_contents[position] = kept
        if event.event_id != sent_id:
            outcome.sent_ids[position] = sent_id
        outcome.verdicts[position] = Verdict.REJECTED

    def _is_forbidden(
        self, event_type: EventType | None, event: Event, people: RejectedPeople
    ) -> bool:
        """Whether the event may hold what nothing may be kept of: something of a person in a category without
        people, or content, under a name that may stand for a counts-only event's."""
        if event_type is None:
            return bool(self._catalog.counts_only_events)
        return event_type.has_no_person and has_person(event_type, event, people)

    def _is_unguarded(self, purposes: Sequence[Purpose], subject: EventSubject) -> bool:
        """Whether the event is about a minor for whom a guardian's grant is missing."""
        minors = self._catalog.minors
        if minors is None:
            return False
        if not purposes and minors.identity is not None:
            purposes = (minors.identity,)
        return any(self._consents.is_unguarded(purpose, subject.id) for purpose in purposes)

    def _decisions(
        self, event: Event, subject: EventSubject, purposes: Sequence[Purpose]
    ) -> list[Decision]:
        consents = self._consents
        if subject.id:
            return [consents.decide(purpose, subject.id) for purpose in purposes]
        if not subject.certain:
            return [consents.decide_unreadable(purpose) for purpose in purposes]
        return [
            consents.decide_subjectless(purpose, self._links, event.session_id, event.anonymous_id)
            for purpose in purposes
        ]

    def _prepare(self, event: Event, subject: EventSubject) -> None:
        """Writes the subject into the envelope, and replaces what no dead letter holds as it was sent."""
        # The subject may be named by its properties only.
        if subject.id and not event.subject_id:
            event.subject_id = subject.id
        location = self._catalog.location_purpose
        if address := event.context.ip:
            keeps_address = location is None or self._consents.allows(location, subject.id)
            event.context.ip = truncate_ip(address) if keeps_address else ""
        if event.anonymous_id:
            event.anonymous_id = self._anonymizer.anonymous_id(
                self._catalog.app_id, event.anonymous_id
            )

    def _collect_less(self, event: Event, event_type: EventType | None) -> LetterContent:
        """Removes what the app does not collect from an event of which more than the bare fields is kept. How
        much that leaves of an event that was whole."""
        collection = self._catalog.collection
        kept_context = event_type.context if event_type else collection.context
        if kept_context is not None:
            keep_context(event, kept_context)
        action = event_type.personal_data if event_type else collection.personal_data
        cleans = action in (PersonalData.REFUSE, PersonalData.REDACT)
        sealed = sealed_properties(self._catalog, event_type)
        marked = marked_properties(event_type) if event_type else frozenset[str]()
        known = {self._catalog.subject_name, *marked}
        if action is PersonalData.FLAG:
            flag_rejected(event, known)
        if not (collection.hashed or collection.takes_declared_only or cleans or sealed):
            return LetterContent.WHOLE
        kept = LetterContent.WHOLE
        try:
            properties, _ = parse_properties(event)
        except PropertiesError:
            remove_properties(event)
            properties, kept = {}, LetterContent.WITHOUT_PROPERTIES
        else:
            sent = len(properties)
            if collection.takes_declared_only:
                declared = declared_properties(event_type) if event_type else frozenset()
                properties = {name: item for name, item in properties.items() if name in declared}
                event.properties_json = exact_dumps(properties)
            if not sealed.isdisjoint(properties):
                # A dead letter has no key.
                properties = {name: item for name, item in properties.items() if name not in sealed}
                event.properties_json = exact_dumps(properties)
            if len(properties) < sent:
                kept = LetterContent.REDUCED
        if cleans and clean_rejected(event, properties, known):
            kept = lesser(kept, LetterContent.REDUCED)
        self._anonymizer.hash_named(self._catalog, event)
        return kept

    def _remove_unknown_people(self, event: Event, subject: EventSubject) -> None:
        """Removes where people may be named about whom nothing was asked."""
        remove_properties(event)
        entity = event.entity
        if entity.type in self._catalog.subject_entity_types and entity.id != subject.id:
            event.ClearField("entity")
