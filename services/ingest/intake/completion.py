"""Makes an event complete, whatever its consent: what the catalog knows is written into it, so that enrich
stores it without a catalog, and its address is truncated."""

from libs.catalog import Catalog, context_in_properties, tighten
from services.ingest.intake.addresses import truncate_ip
from services.ingest.intake.event_check import PRIVACY_LEVELS, PRODUCER_NUMBERS
from services.ingest.intake.model import Candidate
from services.ingest.intake.subjects import id_from_property


def complete(catalog: Catalog, candidate: Candidate) -> None:
    """Fills in the event's producer, version and retention, and the person, the group and fields of the
    context if it has them among its properties only. Truncates the address, and removes the idempotency
    key, which nothing needs later."""
    event, event_type, properties = candidate.event, candidate.event_type, candidate.properties
    if candidate.subject_id and catalog.subject_name in properties:
        event.subject_id = candidate.subject_id
    if not candidate.group_id and catalog.group_name in properties:
        event.group_id = id_from_property(properties[catalog.group_name])
    if not candidate.producer:
        event.producer = PRODUCER_NUMBERS[event_type.producers[0]]
    if not candidate.schema_version:
        event.schema_version = candidate.version.version
    if candidate.idempotency_key:
        event.idempotency_key = ""
    context = event.context
    if catalog.fields.context_properties:
        kept = event_type.context
        for field, text in context_in_properties(catalog.fields, properties):
            if kept is not None and field not in kept:
                continue
            # A text that is too long for the context is no value of it.
            if len(text) <= catalog.limits.text_characters and not getattr(context, field):
                setattr(context, field, text)
    if address := context.ip:
        context.ip = truncate_ip(address)
    # A sender may ask for less than the catalog says, not for more.
    days = event_type.raw_retention_days
    if requested_days := event.retention_days:
        days = tighten(days, requested_days)
    if candidate.privacy_level:
        level = PRIVACY_LEVELS[candidate.privacy_level]
        days = tighten(days, catalog.privacy_levels.get(level, 0))
    event.retention_days = days or 0
