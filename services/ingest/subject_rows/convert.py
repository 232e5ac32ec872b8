"""How dead letters read."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from weir.common.v1.event_pb2 import Event

from libs.common.structs import plain_struct


@dataclass(frozen=True, slots=True)
class Letter:
    """A row of `ingest.dead_letters`."""

    dead_letter_id: uuid.UUID
    received_at: datetime
    stage: str
    reason: str
    field: str
    message: str
    event: bytes


def letter_line(letter: Letter, event: Mapping[str, Any]) -> bytes:
    """The letter as a JSON object, with its event as it was sent."""
    return orjson.dumps(
        {
            "dead_letter_id": letter.dead_letter_id,
            "received_at": letter.received_at,
            "stage": letter.stage,
            "reason": letter.reason,
            "field": letter.field,
            "message": letter.message,
            "event": orjson.Fragment(orjson.dumps(event)),
        }
    )


def event_of(letter: bytes) -> dict[str, Any]:
    """The event of a letter as JSON has it; properties that are no JSON as a text. Empty if the bytes are
    none, which ingest keeps as they are."""
    try:
        event = Event.FromString(letter)
    except DecodeError:
        return {}
    plain: dict[str, Any] = json_format.MessageToDict(event, preserving_proto_field_name=True)
    if event.HasField("properties"):
        plain["properties"] = _numbers(event)
    if "properties_json" in plain:
        text = event.properties_json.decode(errors="replace")
        plain.pop("properties_json")
        try:
            plain["properties"] = orjson.loads(text)
        except orjson.JSONDecodeError:
            plain["properties"] = text
    return plain


def _numbers(event: Event) -> Any:
    try:
        return plain_struct(event.properties)
    except ValueError:
        return str(event.properties)
