"""Events that the tests of streams send, about a person who has granted telemetry."""

import uuid
from typing import Any

from weir.common.v1 import event_pb2

from weir_client import build_event

APP = "unofficial_communities"
PERSON = "12345"


def ids(count: int) -> list[str]:
    prefix = uuid.uuid4().hex
    return [f"{prefix}-{number:04}" for number in range(count)]


def mission(event_id: str, **fields: Any) -> event_pb2.Event:
    properties = {"mission_type": "send_messages", "xp_awarded": 50}
    return build_event(
        "gamification.mission.completed",
        event_id=event_id,
        **{"subject_id": PERSON, "properties": properties, **fields},
    )


def whatsapp(event_id: str, **properties: Any) -> event_pb2.Event:
    return build_event(
        "whatsapp.message.sent",
        event_id=event_id,
        producer=event_pb2.PRODUCER_WEBHOOKS,
        properties=properties,
    )
