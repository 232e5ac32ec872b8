"""Events of the chess catalogs."""

from typing import Any

import orjson
from weir.common.v1 import event_pb2

from tests.support.clocks import NOW_US


def event_of(event_id: str = "e1", **fields: Any) -> event_pb2.Event:
    """A game that ended after three moves, now, as it is sent."""
    return event_at(NOW_US, event_id, **fields)


def event_at(at_us: int, event_id: str = "e1", **fields: Any) -> event_pb2.Event:
    """The same at another time, in microseconds since the epoch."""
    event = event_pb2.Event(
        **{"event_id": event_id, "name": "game.ended", "properties_json": b'{"moves":3}', **fields}
    )
    event.occurred_at.FromMicroseconds(at_us)
    return event


def properties_of(event: event_pb2.Event) -> Any:
    """The properties, parsed."""
    return orjson.loads(event.properties_json)
