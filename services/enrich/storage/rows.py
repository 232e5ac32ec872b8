"""An event as a row of `enrich.events`, in the form that binary COPY takes."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from libs.catalog import retention_class
from libs.catalog.event_words import ENVIRONMENTS, PRODUCERS
from libs.common.ids import event_uuid
from services.enrich.model import ContextEnrichment

# Microseconds from the Unix epoch to Postgres' own, 2000-01-01.
POSTGRES_EPOCH_US = 946_684_800_000_000

# Column and the type whose binary form the value has. A uuid is its 16 bytes, a timestamptz the
# microseconds since POSTGRES_EPOCH_US, a jsonb the byte 1 and its text: given like that, nothing is
# converted per value.
COLUMNS = (
    ("event_uuid", "bytea"),
    ("occurred_at", "int8"),
    ("received_at", "int8"),
    ("session_started_at", "int8"),
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
    ("country", "text"),
    ("device_type", "text"),
    ("os", "text"),
    ("browser", "text"),
    ("os_version", "text"),
    ("browser_version", "text"),
    ("device_brand", "text"),
    ("device_model", "text"),
    ("context", "bytea"),
    ("attribution", "bytea"),
    ("properties", "bytea"),
)
Row = tuple[Any, ...]


def event_row(
    event: Any,
    app_id: str,
    occurred_at_us: int,
    received_at_us: int,
    session_id: str,
    session_started_at_us: int | None,
    facts: ContextEnrichment,
    attribution: Callable[[Any], bytes],
) -> Row:
    """The row of one event; its values stand in the order of COLUMNS."""
    event_id = event.event_id
    uuid, is_uuid = event_uuid(event_id)
    entity_type = entity_id = None
    if event.HasField("entity"):
        entity = event.entity
        entity_type, entity_id = entity.type or None, entity.id or None
    finding = facts.finding
    device = finding.device
    return (
        uuid,
        occurred_at_us - POSTGRES_EPOCH_US,
        received_at_us - POSTGRES_EPOCH_US,
        None if session_started_at_us is None else session_started_at_us - POSTGRES_EPOCH_US,
        app_id,
        _retention_class(event.retention_days),
        event.name,
        event.schema_version,
        PRODUCERS[event.producer],
        ENVIRONMENTS[event.environment],
        None if is_uuid else event_id,
        event.subject_id or None,
        event.anonymous_id or None,
        session_id or None,
        event.group_id or None,
        entity_type,
        entity_id,
        event.request_id or None,
        finding.country or None,
        device.device_type or None,
        device.os or None,
        device.browser or None,
        device.os_version or None,
        device.browser_version or None,
        device.brand or None,
        device.model or None,
        facts.context_json,
        attribution(event.attribution) if event.HasField("attribution") else None,
        b"\x01" + event.properties_json,
    )


@lru_cache(maxsize=4_096)
def _retention_class(days: int) -> str:
    return retention_class(days or None)
