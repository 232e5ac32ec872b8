"""A batch's events as rows of `enrich.events`, in the form that binary COPY takes."""

from collections.abc import Sequence

from libs.catalog import ENRICHED_FIELDS, EnrichedField, FieldKind
from services.enrich.json_text import JSONB_VERSION, json_text
from services.enrich.model import Attribution, Row, WorkBatch

# Microseconds from the Unix epoch to Postgres' own, 2000-01-01.
POSTGRES_EPOCH_US = 946_684_800_000_000
# The type whose binary form COPY is given.
_COPY_TYPES = {FieldKind.TEXT: "text", FieldKind.TIME: "int8"}
# A row ends with what the context steps find, followed by what the batch steps find.
_LOOKED_UP = tuple(field for field in ENRICHED_FIELDS if not field.is_source)
_FROM_CONTEXT = tuple(field for field in ENRICHED_FIELDS if field.is_source)

# Column and the type whose binary form the value has. A uuid is its 16 bytes, a timestamptz the
# microseconds since POSTGRES_EPOCH_US, a jsonb the byte 1 and its text: given like that, nothing is
# converted per value.
COLUMNS = (
    ("event_uuid", "bytea"),
    ("occurred_at", "int8"),
    ("received_at", "int8"),
    ("app_id", "text"),
    ("retention_class", "text"),
    ("name", "text"),
    ("schema_version", "text"),
    ("producer", "text"),
    ("environment", "text"),
    ("event_id", "text"),
    ("subject_id", "text"),
    ("anonymous_id", "text"),
    ("session_id", "text"),
    ("group_id", "text"),
    ("entity_type", "text"),
    ("entity_id", "text"),
    ("request_id", "text"),
    ("context", "bytea"),
    ("attribution", "bytea"),
    ("properties", "bytea"),
    *((field.name, _COPY_TYPES[field.kind]) for field in (*_FROM_CONTEXT, *_LOOKED_UP)),
)


def rows_of(batch: WorkBatch) -> Sequence[Row | None]:
    """The row of each event, its values in the order of COLUMNS; None for events that failed or
    are skipped."""
    app_id, received_at = batch.app_id, batch.received_at_us - POSTGRES_EPOCH_US
    looked_up = zip(*(_column(batch, field) for field in _LOOKED_UP), strict=True)
    rows: list[Row | None] = []
    for event, found in zip(batch.enriched, looked_up, strict=True):
        if event is None:
            rows.append(None)
            continue
        message, context = event.event, event.context
        entity_type = entity_id = None
        if message.HasField("entity"):
            entity = message.entity
            entity_type, entity_id = entity.type or None, entity.id or None
        rows.append(
            (
                event.event_uuid,
                event.occurred_at_us - POSTGRES_EPOCH_US,
                received_at,
                app_id,
                event.retention_class,
                message.name,
                message.schema_version,
                event.producer,
                event.environment,
                None if event.is_uuid else message.event_id,
                message.subject_id or None,
                message.anonymous_id or None,
                event.session_id or None,
                message.group_id or None,
                entity_type,
                entity_id,
                message.request_id or None,
                context.context_jsonb,
                _attribution(message.attribution) if message.HasField("attribution") else None,
                JSONB_VERSION + message.properties_json,
                *context.enrichment.values,
                *found,
            )
        )
    return rows


def _column(batch: WorkBatch, field: EnrichedField) -> Sequence[object]:
    """What a batch step found for each event; None for all if the app has it switched off."""
    found = batch.found.get(field.name)
    if found is None:
        return [None] * len(batch.enriched)
    if field.kind is FieldKind.TIME:
        return [None if us is None else us - POSTGRES_EPOCH_US for us in found]
    return [value or None for value in found]


def _attribution(attribution: Attribution) -> bytes:
    """An Attribution as binary jsonb, without its empty fields."""
    values = {field.name: value for field, value in attribution.ListFields()}
    return JSONB_VERSION + json_text(values)
