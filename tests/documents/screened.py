"""What ingest's own screening says of an event of a shipped catalog."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from weir.common.v1 import event_pb2

from libs.catalog import EventType
from services.ingest.intake.model import Screening
from tests.support.documents.shipped import catalogs
from tests.support.screening import screened_frame
from weir_client import build_event

NOW = datetime(2026, 9, 10, tzinfo=UTC)
PASSED = "passed"


def screened(app_id: str, *events: event_pb2.Event) -> Screening:
    """Screens events as one frame."""
    return screened_frame(catalogs()[app_id], int(NOW.timestamp() * 1_000_000), *events).screening


def answer(app_id: str, name: str, properties: Mapping[str, Any], **fields: Any) -> str:
    """PASSED, or the path of the field that is at fault."""
    event = build_event(name, properties=properties, occurred_at=NOW, **fields)
    screening = screened(app_id, event)
    if screening.passed:
        return PASSED
    return screening.rejected[0].rejection.field


def declared(event: EventType) -> Mapping[str, object]:
    """The properties that an event declares in its newest version."""
    properties = event.latest.schema.get("properties", {})
    assert isinstance(properties, dict)
    return properties


def declaring(app_id: str, name: str) -> list[str]:
    """The events that declare a property in their newest version."""
    return [event.name for event in catalogs()[app_id].events.values() if name in declared(event)]
