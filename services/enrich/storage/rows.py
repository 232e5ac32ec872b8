"""A batch's events as rows of `enrich.events`, in the form that binary COPY takes."""

from collections.abc import Sequence
from struct import Struct

from libs.catalog import ENRICHED_FIELDS, EnrichedField, FieldKind
from libs.catalog.event_words import PRIVACY_LEVELS
from libs.common.pseudonym import Pseudonymizer, person_of
from services.enrich.binary_copy import (
    NULL,
    POSTGRES_EPOCH_US,
    boolean,
    jsonb,
    non_null_text,
    text,
    time,
    uuid,
)
from services.enrich.json_text import json_text
from services.enrich.model import Attribution, WorkBatch

_LOOKED_UP = tuple(field for field in ENRICHED_FIELDS if not field.is_source)

# In the order in which a row has them: what each event has of its own and of a fixed width, what is the same
# for a batch, what few kinds of events have in common, what follows from the context, what the batch steps
# find, and the rest.
COLUMNS = (
    "event_uuid",
    "occurred_at",
    "received_at",
    "app_id",
    "retention_class",
    "name",
    "schema_version",
    "producer",
    "environment",
    "privacy_level",
    "consent_given",
    "context",
    *(field.name for field in ENRICHED_FIELDS if field.is_source),
    *(field.name for field in _LOOKED_UP),
    "event_id",
    "subject_id",
    "anonymous_id",
    "person",
    "session_id",
    "group_id",
    "entity_type",
    "entity_id",
    "request_id",
    "attribution",
    "properties",
)
# How many columns, the UUID and the time, each of the two with its length.
_BEGINNING = Struct("!hi16siq").pack


def rows_of(batch: WorkBatch, pseudonymizer: Pseudonymizer) -> Sequence[bytes | None]:
    """The row of each event, its values in the order of COLUMNS; None for events that failed or
    are skipped."""
    of_batch = time(batch.received_at_us) + non_null_text(batch.app_id)
    # By the values that few kinds of events have in common: these columns, with the batch's before them.
    kinds: dict[tuple[str | int | bool | None, ...], bytes] = {}
    width = len(COLUMNS)
    rows: list[bytes | None] = []
    for event, found in zip(batch.enriched, _looked_up(batch), strict=True):
        if event is None:
            rows.append(None)
            continue
        message = event.event
        subject_id, anonymous_id = message.subject_id, message.anonymous_id
        kind = (
            event.retention_class,
            message.name,
            message.schema_version,
            event.producer,
            event.environment,
        )
        privacy = (
            message.privacy_level,
            message.consent_given if message.HasField("consent_given") else None,
        )
        of_kind = kinds.get((*kind, *privacy))
        if of_kind is None:
            of_kind = kinds[*kind, *privacy] = of_batch + _of_kind(kind, *privacy)
        entity_type = entity_id = NULL
        if message.HasField("entity"):
            entity = message.entity
            entity_type, entity_id = text(entity.type), text(entity.id)
        rows.append(
            b"".join(
                (
                    _BEGINNING(
                        width, 16, event.event_uuid, 8, event.occurred_at_us - POSTGRES_EPOCH_US
                    ),
                    of_kind,
                    event.context.columns,
                    *found,
                    NULL if event.is_uuid else non_null_text(message.event_id),
                    text(subject_id),
                    text(anonymous_id),
                    uuid(person_of(pseudonymizer, batch.app_id, subject_id, anonymous_id)),
                    text(event.session_id),
                    text(message.group_id),
                    entity_type,
                    entity_id,
                    text(message.request_id),
                    _attribution(message.attribution) if message.HasField("attribution") else NULL,
                    jsonb(message.properties_json),
                )
            )
        )
    return rows


def _of_kind(kind: Sequence[str], privacy_level: int, consent_given: bool | None) -> bytes:
    return b"".join(
        (*map(non_null_text, kind), text(PRIVACY_LEVELS[privacy_level]), boolean(consent_given))
    )


def _looked_up(batch: WorkBatch) -> Sequence[tuple[bytes, ...]]:
    """What the batch steps found for each event, by the fields that they look up."""
    return list(zip(*(_column(batch, field) for field in _LOOKED_UP), strict=True))


def _column(batch: WorkBatch, field: EnrichedField) -> Sequence[bytes]:
    """What a batch step found for each event; NULL for all if the app has it switched off."""
    found = batch.found.get(field.name)
    if found is None:
        return [NULL] * len(batch.enriched)
    return list(map(time if field.kind is FieldKind.TIME else text, found))


def _attribution(attribution: Attribution) -> bytes:
    """An Attribution as jsonb, without its empty fields."""
    return jsonb(json_text({field.name: value for field, value in attribution.ListFields()}))
