"""Parses an event's properties, which come as JSON or as a Struct."""

from typing import Any

import orjson
from weir.common.v1.event_pb2 import Event

from libs.common.event_properties import PropertiesError, check_properties, read_properties
from libs.common.structs import plain_struct


def parse_properties(event: Event) -> tuple[dict[str, Any], bytes]:
    """The properties of an event, and their JSON; the event holds them as JSON afterwards, if they came as
    a Struct. Raises PropertiesError, as `read_properties` does."""
    raw = event.properties_json
    if raw:
        return read_properties(raw), raw
    try:
        properties = plain_struct(event.properties) if event.HasField("properties") else {}
        event.properties_json = raw = orjson.dumps(properties)
    except (ValueError, TypeError) as error:
        raise PropertiesError(str(error)) from None
    check_properties(properties, raw)
    return properties, raw
