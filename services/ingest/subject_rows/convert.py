"""Which dead letters are about a person, and how they read. Pure."""

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from weir.common.v1.event_pb2 import Event

from libs.common.mentions import PersonIds
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


def traces(ids: Sequence[str]) -> list[bytes]:
    """Byte strings of which each event that names one of the ids has one, wherever it names it: as a text, as
    a number in JSON, or as a number of a Struct, which is a double."""
    numbers = PersonIds(ids).numbers
    return [
        *(text.encode() for text in ids),
        *(struct.pack("<d", number) for number in sorted(numbers)),
    ]


def is_about(event: Event, ids: PersonIds) -> bool:
    """Whether an event is about the person with these ids: by its envelope, or, if that names no person, by
    any value in it. An event of another person that names this one is the other's."""
    if event.subject_id:
        return event.subject_id in ids.texts
    return event.anonymous_id in ids.texts or _names(_plain(event), ids)


def letter_line(letter: Letter, event: Event) -> bytes:
    """The letter as a JSON object, with its event as it was sent."""
    return orjson.dumps(
        {
            "dead_letter_id": letter.dead_letter_id,
            "received_at": letter.received_at,
            "stage": letter.stage,
            "reason": letter.reason,
            "field": letter.field,
            "message": letter.message,
            "event": orjson.Fragment(orjson.dumps(_plain(event))),
        }
    )


def event_of(letter: Letter) -> Event:
    """The event of a letter; empty if its bytes are none, which ingest keeps as they are."""
    try:
        return Event.FromString(letter.event)
    except DecodeError:
        return Event()


def _plain(event: Event) -> dict[str, Any]:
    """The event as JSON has it; properties that are no JSON as a text."""
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


def _names(value: Any, ids: PersonIds) -> bool:
    match value:
        case dict():
            return any(name in ids.texts or _names(inner, ids) for name, inner in value.items())
        case list():
            return any(_names(inner, ids) for inner in value)
    return ids.is_value(value)
