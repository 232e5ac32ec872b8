"""ListEvents against a running service and real stores."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf import json_format
from weir.aggregate.v1 import event_query_pb2 as pb
from weir.aggregate.v1 import time_frame_pb2

from libs.events import COLUMNS
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.rejections import details_of, reason_of
from tests.support.stored_events import row, store

TIMEOUT = 30
NOW = datetime.now(UTC)


async def listed(aggregate: Aggregate, **fields: Any) -> AsyncIterator[pb.ListEventsResponse]:
    request = pb.ListEventsRequest(app_id=APP, **fields)
    while True:
        response = await aggregate.stub.ListEvents(request, timeout=TIMEOUT)
        assert response.ByteSize() < 3.5 * 1024 * 1024
        yield response
        if not response.next_page_token:
            return
        request.page_token = response.next_page_token


async def ids(aggregate: Aggregate, **fields: Any) -> str:
    """The ids of all events of all pages, in their order."""
    return "".join(
        [event.event_id async for page in listed(aggregate, **fields) for event in page.events]
    )


async def refused(aggregate: Aggregate, **fields: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await aggregate.stub.ListEvents(
            pb.ListEventsRequest(**{"app_id": APP, **fields}), timeout=TIMEOUT
        )
    error: grpc.aio.AioRpcError = caught.value
    return error


def ago(**time: float) -> str:
    return (NOW - timedelta(**time)).replace(tzinfo=None).isoformat()


def interval(start: str = "", end: str = "") -> time_frame_pb2.TimeFrame:
    between = time_frame_pb2.TimeInterval()
    for field, text in (("from", start), ("to", end)):
        if text:
            getattr(between, field).FromDatetime(datetime.fromisoformat(text))
    return time_frame_pb2.TimeFrame(between=between)


def test_a_stored_event_has_all_published_columns() -> None:
    fields = [field.name for field in pb.StoredEvent.DESCRIPTOR.fields]
    assert set(fields) == {column.name for column in COLUMNS} | {"properties_json"}


async def test_an_event_is_answered_as_it_is_stored(stores: Stores, aggregate: Aggregate) -> None:
    properties = {"big": 9007199254740993, "half": 0.5, "list": [1, {"a": None}], "ok": True}
    store(
        stores.database_url,
        [
            row(
                "match.ended",
                "2026-04-27T10:20:30.123456",
                "a",
                subject_id="ann",
                session_id="s1",
                session_started_at="2026-04-27T10:00:00Z",
                group_id="g",
                entity_type="match",
                entity_id="m1",
                producer="server",
                schema_version="1.0.0",
                country="DE",
                context={"platform": "web", "extra": {"n": 1}},
                attribution={},
                properties=properties,
            )
        ],
    )
    [page] = [page async for page in listed(aggregate)]
    [event] = page.events
    assert json.loads(event.properties_json) == properties
    answered = json_format.MessageToDict(event, preserving_proto_field_name=True)
    assert answered.pop("properties_json")
    assert answered.pop("event_uuid")
    assert answered == {
        "occurred_at": "2026-04-27T10:20:30.123456Z",
        "received_at": "2026-04-27T10:20:30.123456Z",
        "session_started_at": "2026-04-27T10:00:00Z",
        "app_id": APP,
        "retention_class": "90d",
        "name": "match.ended",
        "schema_version": "1.0.0",
        "producer": "server",
        "environment": "production",
        "event_id": "a",
        "subject_id": "ann",
        "session_id": "s1",
        "group_id": "g",
        "entity_type": "match",
        "entity_id": "m1",
        "person": str(UUID(PSEUDONYMS.pseudonym(APP, "ann"))),
        "country": "DE",
        "context": {"platform": "web", "extra": {"n": 1}},
        "attribution": {},
        "ip_anonymized": True,
        # A double holds it no better.
        "properties": {**properties, "big": 9007199254740992},
    }


async def test_an_exact_event_has_its_properties_once(stores: Stores, aggregate: Aggregate) -> None:
    store(stores.database_url, [row("match.left", "2026-04-27T10:00:00", properties={"n": 2**53})])
    [page] = [page async for page in listed(aggregate)]
    assert page.events[0].properties_json == ""
    assert page.events[0].properties["n"] == 2**53


@pytest.mark.parametrize("page_size", [0, 1, 2])
async def test_time_frames_orders_and_filters(
    stores: Stores, aggregate: Aggregate, page_size: int
) -> None:
    """Five events, of an hour, 20 hours, 2, 10 and 40 days ago."""
    store(
        stores.database_url,
        [
            row("match.left", ago(hours=0.5), "a", country="DE"),
            row("match.ended", ago(hours=20), "b", country="FR"),
            row("match.left", ago(days=2), "c"),
            row("match.ended", ago(days=10), "d", country="DE"),
            row("match.left", ago(days=40), "e", country="DE"),
            row("match.left", ago(hours=1), "x", app_id="go"),
        ],
    )
    options = {"page_size": page_size}
    assert await ids(aggregate, **options) == "abcde"
    for last, found in (
        ("1h", "a"),
        ("24h", "ab"),
        ("7d", "abc"),
        ("30d", "abcd"),
        ("9w", "abcde"),
    ):
        assert await ids(aggregate, time=time_frame_pb2.TimeFrame(last=last), **options) == found
    assert await ids(aggregate, order_by="occurred_at", **options) == "edcba"
    assert await ids(aggregate, order_by=" occurred_at  desc ", **options) == "abcde"
    assert await ids(aggregate, filter="country = DE", **options) == "ade"
    both = {"filter": "name = match.left", "time": time_frame_pb2.TimeFrame(last="30d")}
    assert await ids(aggregate, **both, **options) == "ac"
    day = (NOW - timedelta(days=10)).date()
    whole = interval(f"{day}T00:00:00", f"{day + timedelta(days=1)}T00:00:00")
    assert await ids(aggregate, time=whole, **options) == "d"
    assert await ids(aggregate, time=interval(f"{day}T00:00:00"), **options) == "abcd"
    assert await ids(aggregate, time=interval("", f"{day}T00:00:00"), **options) == "e"
    assert await ids(aggregate, time=interval(), **options) == "abcde"


async def test_later_pages_of_the_last_hours_keep_the_hours_of_the_first(
    stores: Stores, aggregate: Aggregate
) -> None:
    store(
        stores.database_url,
        [row("match.left", ago(hours=1), "a"), row("match.left", ago(hours=2), "b")],
    )
    request = pb.ListEventsRequest(
        app_id=APP, time=time_frame_pb2.TimeFrame(last="24h"), page_size=1
    )
    first = await aggregate.stub.ListEvents(request, timeout=TIMEOUT)
    # After the first page, at a time that is in the last 24 h of the second page only.
    later = datetime.now(UTC).replace(tzinfo=None).isoformat()
    store(stores.database_url, [row("match.left", later, "late")])
    request.page_token = first.next_page_token
    request.order_by = ""
    second = await aggregate.stub.ListEvents(request, timeout=TIMEOUT)
    assert [event.event_id for event in (*first.events, *second.events)] == ["a", "b"]


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"filter": "nam = x"}, "filter", "at character 1: `nam` is no field of an event; did you"),
        ({"filter": "name = x AND"}, "filter", "at character 13: expected a field, found the end"),
        ({"filter": "name = " + "x" * 5_000}, "filter", "has more than 4096 characters"),
        ({"order_by": "name"}, "order_by", "must be `occurred_at desc` or `occurred_at`"),
        ({"page_size": 1_001}, "page_size", "must be at most 1000"),
        (
            {"time": time_frame_pb2.TimeFrame(last="5m")},
            "time.last",
            "must be a length of time from 1h to 366d",
        ),
        ({"time": time_frame_pb2.TimeFrame(last="367d")}, "time.last", "must be a length of time"),
        ({"time": time_frame_pb2.TimeFrame(last="soon")}, "time.last", "must be a length of time"),
        (
            {"time": interval("2026-04-28", "2026-04-27")},
            "time.between.from",
            "is later than time.between.to",
        ),
    ],
)
async def test_a_wrong_argument_is_named(
    aggregate: Aggregate, fields: dict[str, Any], field: str, message: str
) -> None:
    error = await refused(aggregate, **fields)
    assert reason_of(error) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", field)
    assert message in (error.details() or "")


async def test_a_wrong_filter_says_its_place(aggregate: Aggregate) -> None:
    error = await refused(aggregate, filter="name = x AND")
    assert details_of(error).metadata["position"] == "12"


async def test_an_unknown_app_and_a_foreign_token_are_refused(
    stores: Stores, aggregate: Aggregate
) -> None:
    unknown = await refused(aggregate, app_id="bingo")
    assert reason_of(unknown) == ("NOT_FOUND", "APP_UNKNOWN", "")
    store(stores.database_url, [row("match.left", ago(hours=n)) for n in (1, 2)])
    first = await aggregate.stub.ListEvents(
        pb.ListEventsRequest(app_id=APP, page_size=1), timeout=TIMEOUT
    )
    for fields in ({"filter": "country = DE"}, {"time": time_frame_pb2.TimeFrame(last="24h")}):
        error = await refused(aggregate, page_token=first.next_page_token, **fields)
        assert reason_of(error) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token")


async def test_large_events_fit_into_answers(stores: Stores, aggregate: Aggregate) -> None:
    store(
        stores.database_url,
        [
            row(
                "match.left",
                f"2026-04-27T10:00:{n:02}",
                f"{n:02},",
                properties={"t": "é" * 500_000},
            )
            for n in range(8)
        ],
    )
    assert await ids(aggregate) == "07,06,05,04,03,02,01,00,"
