"""How dead letters read."""

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value
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
            "event": orjson.Fragment(_line_of(event, letter.event)),
        }
    )


def _line_of(event: Mapping[str, Any], letter: bytes) -> bytes:
    try:
        return orjson.dumps(event)
    except TypeError:
        # It is nested more deeply than orjson writes.
        text = Event.FromString(letter).properties_json.decode(errors="replace")
        return orjson.dumps({**event, "properties": text})


def event_of(letter: bytes) -> dict[str, Any]:
    """The event of a letter as JSON has it; properties that are no JSON as a text, and so what JSON cannot
    express. Empty if the bytes are none, which ingest keeps as they are."""
    try:
        event = Event.FromString(letter)
    except DecodeError:
        return {}
    found = _taken_out(event)
    plain: dict[str, Any] = json_format.MessageToDict(event, preserving_proto_field_name=True)
    if (extra := found.pop("extra", None)) is not None:
        plain["context"]["extra"] = extra
    return plain | found


def _taken_out(event: Event) -> dict[str, Any]:
    """Removes what need not have a form in JSON from an event, and returns it in one."""
    found: dict[str, Any] = {}
    if event.HasField("properties"):
        found["properties"] = _plain(event.properties)
        event.ClearField("properties")
    elif event.HasField("properties_json"):
        text = event.properties_json.decode(errors="replace")
        try:
            found["properties"] = orjson.loads(text)
        except orjson.JSONDecodeError:
            found["properties"] = text
        event.ClearField("properties_json")
    if event.context.HasField("extra"):
        found["extra"] = _plain(event.context.extra)
        event.context.ClearField("extra")
    try:
        event.occurred_at.ToJsonString()
    except ValueError:
        moment = event.occurred_at
        found["occurred_at"] = f"{moment.seconds} s, {moment.nanos} ns"
        event.ClearField("occurred_at")
    return found


def _plain(struct: Struct) -> dict[str, Any]:
    for value in struct.fields.values():
        _express(value)
    return plain_struct(struct)


def _express(value: Value) -> None:
    """Makes texts of the numbers that JSON cannot express."""
    kind = value.WhichOneof("kind")
    if kind == "number_value" and not math.isfinite(value.number_value):
        value.string_value = str(value.number_value)
    elif kind == "struct_value":
        for inner in value.struct_value.fields.values():
            _express(inner)
    elif kind == "list_value":
        for inner in value.list_value.values:
            _express(inner)
