"""What consent leaves of a rejected event, whose dead letter is kept like any event."""

from weir.common.v1 import event_pb2

from libs.catalog import Catalog
from services.ingest.intake.addresses import truncate_ip
from services.ingest.intake.anonymization import Anonymizer
from services.ingest.intake.batch_consents import BatchConsents
from services.ingest.intake.model import DropReason, Outcome, RejectedEvent, Verdict
from services.ingest.intake.rejected_content import (
    Content,
    allowed_content,
    reduce_event,
    remove_id_from_texts,
    remove_properties,
)
from services.ingest.intake.subjects import RejectedPeople


def reduce_rejected(
    catalog: Catalog,
    consents: BatchConsents,
    rejected: RejectedEvent,
    people: RejectedPeople,
    anonymizer: Anonymizer,
    outcome: Outcome,
) -> None:
    """Removes from the event what its dead letter may not hold, and sets its verdict: REJECTED, or DROPPED
    if there may be no dead letter."""
    position, event, _ = rejected
    subject = people.subject
    event_type = catalog.events.get(event.name)
    # The purpose of an unknown event is unknown, so each may be its own.
    purposes = catalog.purposes.values() if event_type is None else (event_type.purpose,)
    asked = [purpose for purpose in purposes if purpose is not None]
    if subject.id:
        decisions = [consents.decide(purpose, subject.id) for purpose in asked]
    elif not subject.certain:
        decisions = [consents.decide_unreadable(purpose) for purpose in asked]
    else:
        session_id, anonymous_id = event.session_id, event.anonymous_id
        decisions = [
            consents.decide_subjectless(purpose, session_id, anonymous_id) for purpose in asked
        ]
    content = allowed_content(
        event_type, subject, decisions, is_pii=event.privacy_level == event_pb2.PRIVACY_LEVEL_PII
    )
    if content is Content.NONE:
        outcome.drop(position, DropReason.DENIED if subject.id else DropReason.SUBJECTLESS)
        return
    sent_id = event.event_id
    # The subject may be named by its properties only.
    if subject.id and not event.subject_id:
        event.subject_id = subject.id
    location = catalog.location_purpose
    if address := event.context.ip:
        keeps_address = location is None or consents.allows(location, subject.id)
        event.context.ip = truncate_ip(address) if keeps_address else ""
    if event.anonymous_id:
        event.anonymous_id = anonymizer.anonymous_id(catalog.app_id, event.anonymous_id)
    reduce_event(catalog, event, subject, content, anonymizer)
    if content is not Content.BARE and people.others is None:
        remove_properties(event)
        # A person about whom nothing was asked.
        entity = event.entity
        if entity.type in catalog.subject_entity_types and entity.id != subject.id:
            event.ClearField("entity")
    denied = consents.who_denied(asked, people.others or ())
    if denied:
        version = event_type.version(event.schema_version) if event_type else None
        for person_id in denied:
            remove_id_from_texts(catalog, event, person_id)
        anonymizer.remove_people(catalog, version, event, denied, position, outcome)
    if event.event_id != sent_id:
        outcome.sent_ids[position] = sent_id
    outcome.verdicts[position] = Verdict.REJECTED
