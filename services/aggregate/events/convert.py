"""Requests for stored events, and events as messages."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.struct_pb2 import NULL_VALUE, Struct, Value
from weir.aggregate.v1 import event_query_pb2 as pb

from libs.catalog import Catalog, Rollup
from libs.common.clock import Clock, moment_of
from libs.common.errors import InvalidArgument
from libs.common.structs import contains_nul, plain_struct
from libs.events.filtering import Condition, Node, compile_filter, parse_filter
from libs.events.filtering.sealed import check_not_sealed
from libs.events.filtering.syntax import And
from libs.events.model import StoredEvent
from libs.events.postgres import BEGINNING, END
from libs.events.selection import Place
from services.aggregate.behaviour.people.convert import people_text, read_people
from services.aggregate.behaviour.people.model import People
from services.aggregate.buckets import bucket_end, bucket_start, moment, seconds_since_epoch
from services.aggregate.convert import reading_filter, utc_field, zoned_time
from services.aggregate.events import time_frames
from services.aggregate.events.drill_down import of_dimensions, of_names

_ORDERS = {"": True, "occurred_at desc": True, "occurred_at": False, "occurred_at asc": False}
# From here on a double stands for several integers.
_INEXACT = 2**53
_TEXTS = (
    "app_id", "retention_class", "name", "schema_version", "environment", "event_id", "subject_id",
    "anonymous_id", "session_id", "group_id", "entity_type", "entity_id", "request_id", "country",
    "device_type", "os", "browser", "os_version", "browser_version", "device_brand", "device_model",
    "privacy_level",
)  # fmt: skip
Frame = tuple[datetime, datetime]


def filter_of(text: str, catalog: Catalog) -> Node | None:
    """A filter that can be asked. Raises InvalidArgument with the place at fault."""
    with reading_filter("filter"):
        node = parse_filter(text)
        compile_filter(node)
        check_not_sealed(node, catalog)
    return node


def frame_of(request: Any, clock: Clock) -> Frame:
    """The request's `time`; all time if it has none. Raises InvalidArgument."""
    frame = request.time
    match frame.WhichOneof("frame"):
        case "last":
            return time_frames.last(frame.last, moment_of(clock.now_us()))
        case "between":
            return time_frames.between(
                utc_field(frame.between, "from", "time.between.from") or BEGINNING,
                utc_field(frame.between, "to", "time.between.to") or END,
            )
    return BEGINNING, END


def behind_cell(
    request: pb.ListEventsRequest, rollup: Rollup, characters: int, found: Node | None
) -> tuple[Frame, Node, tuple[Condition, ...]]:
    """The time, the filter and the other conditions of a request for the events that a cell counted, together
    with the request's own filter. Raises InvalidArgument."""
    if request.HasField("time"):
        raise InvalidArgument("not together with `of`: a cell has its own time", field="time")
    cell = request.of.cell
    start = utc_field(cell, "bucket_start", "of.cell.bucket_start")
    if start is None:
        raise InvalidArgument("is required", field="of.cell.bucket_start")
    first = bucket_start(rollup.period, seconds_since_epoch(start))
    try:
        values = plain_struct(cell.dimensions)
    except ValueError:
        raise InvalidArgument("must be finite numbers", field="of.cell.dimensions") from None
    if contains_nul(values):
        raise InvalidArgument("must not contain U+0000", field="of.cell.dimensions")
    nodes, conditions = of_dimensions(rollup.dimensions, values, characters)
    parts = (of_names(rollup.events), *nodes, *([found] if found else []))
    node = And(parts) if len(parts) > 1 else parts[0]
    frame = moment(first), moment(bucket_end(rollup.period, first))
    return frame, node, tuple(conditions)


def is_descending(request: pb.ListEventsRequest) -> bool:
    """Whether the newest event comes first. Raises InvalidArgument."""
    descending = _ORDERS.get(" ".join(request.order_by.split()))
    if descending is None:
        raise InvalidArgument("must be `occurred_at desc` or `occurred_at`", field="order_by")
    return descending


def page_cursor(frame: Frame, place: Place) -> tuple[str, str, str, str, str]:
    """Where to go on, as a page token carries it, with the times of the first page; `read_page_cursor` reads
    it."""
    start, end = frame
    return start.isoformat(), end.isoformat(), *place_values(place)


def read_page_cursor(
    start: str, end: str, occurred_at: str, event_uuid: str, retention_class: str
) -> tuple[Frame, Place]:
    """Raises ValueError or TypeError for what `page_cursor` never makes."""
    return (zoned_time(start), zoned_time(end)), read_place(
        occurred_at, event_uuid, retention_class
    )


def people_cursor(people: People, place: Place) -> tuple[str | int, ...]:
    """Where to go on with the events of these people; `read_people_cursor` reads it."""
    frame = people.start, people.end
    of_people = people_text(people.people), people.one_in, int(people.is_cut)
    return *page_cursor(frame, place), *of_people


def read_people_cursor(
    start: str,
    end: str,
    occurred_at: str,
    event_uuid: str,
    retention_class: str,
    people: str,
    one_in: int,
    is_cut: int,
) -> tuple[People, Place]:
    """Raises ValueError or TypeError for what `people_cursor` never makes."""
    (first, past), place = read_page_cursor(start, end, occurred_at, event_uuid, retention_class)
    if not isinstance(people, str) or not isinstance(one_in, int) or one_in < 1:
        raise ValueError("no people")
    return People(read_people(people), first, past, one_in, bool(is_cut)), place


def place_values(place: Place) -> tuple[str, str, str]:
    """A place as a page token carries it."""
    return place.occurred_at.isoformat(), str(place.event_uuid), place.retention_class


def read_place(occurred_at: str, event_uuid: str, retention_class: str) -> Place:
    """Raises ValueError or TypeError for what `place_values` never makes."""
    if not retention_class.isalnum():
        raise ValueError("no retention class")
    return Place(zoned_time(occurred_at), UUID(event_uuid), retention_class)


def place_of(event: StoredEvent) -> Place:
    """The place of an event in the order of time."""
    return Place(event.occurred_at, event.event_uuid, event.retention_class)


def event_message(event: StoredEvent) -> pb.StoredEvent:
    """An event that was read, as it is answered."""
    message = pb.StoredEvent(
        event_uuid=str(event.event_uuid),
        producer=event.producer or "",
        consent_given=event.consent_given,
        ip_anonymized=event.ip_anonymized,
    )
    for name in _TEXTS:
        setattr(message, name, getattr(event, name) or "")
    if event.person is not None:
        message.person = str(event.person)
    message.occurred_at.FromDatetime(event.occurred_at)
    message.received_at.FromDatetime(event.received_at)
    if event.session_started_at is not None:
        message.session_started_at.FromDatetime(event.session_started_at)
    for content, struct in (
        (event.context, message.context),
        (event.attribution, message.attribution),
        (event.properties, message.properties),
    ):
        if content is not None:
            struct.SetInParent()
            _fill(struct, content)
    if _is_inexact(event.properties):
        message.properties_json = json.dumps(event.properties, ensure_ascii=False)
    return message


def _fill(struct: Struct, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        _set(struct.fields[name], value)


def _set(message: Value, value: Any) -> None:
    match value:
        case None:
            message.null_value = NULL_VALUE
        case bool():
            message.bool_value = value
        case str():
            message.string_value = value
        case dict():
            message.struct_value.SetInParent()
            _fill(message.struct_value, value)
        case list():
            message.list_value.SetInParent()
            for item in value:
                _set(message.list_value.values.add(), item)
        case _:
            try:
                message.number_value = float(value)
            except OverflowError:
                # No double holds it: its digits do.
                message.string_value = str(value)


def _is_inexact(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_inexact, value.values()))
    if isinstance(value, list):
        return any(map(_is_inexact, value))
    return isinstance(value, int) and abs(value) > _INEXACT
