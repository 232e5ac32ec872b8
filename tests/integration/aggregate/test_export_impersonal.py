"""Exports without personal data: what remains of an event, by hand, and that no canary gets out."""

import csv
import io
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import pytest
from pydantic import SecretStr
from weir.aggregate.v1 import event_query_pb2 as pb

from libs.events import COLUMNS
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_export_events import CSV, call, exported, refused
from tests.support.documents import event_properties
from tests.support.documents.shipped import catalogs
from tests.support.rejections import details_of, reason_of
from tests.support.stored_events import row, store

APP = "unofficial_communities"
# Of the table in docs/events.md.
REMAINING = [
    "occurred_at", "app_id", "retention_class", "name", "schema_version", "producer",
    "environment", "group_id", "entity_type", "country", "device_type", "os", "browser", "context",
    "attribution", "properties", "os_version", "browser_version", "device_brand", "device_model",
    "privacy_level", "consent_given", "ip_anonymized",
]  # fmt: skip
LEFT_OUT = [
    "event_uuid", "received_at", "session_started_at", "event_id", "subject_id", "anonymous_id", "session_id",
    "entity_id", "request_id", "person",
]  # fmt: skip
CANARY = "canary"


@pytest.fixture
def products() -> Sequence[str]:
    return ("ip_assets", APP)


async def objects(aggregate: Aggregate, **fields: Any) -> list[dict[str, Any]]:
    data = await exported(aggregate, **{"app_id": APP, "without_personal_data": True, **fields})
    return [json.loads(line) for line in data.splitlines()]


def test_every_column_is_decided_about() -> None:
    assert sorted(REMAINING + LEFT_OUT) == sorted(column.name for column in COLUMNS)
    assert {column.name for column in COLUMNS if column.personal} - set(LEFT_OUT) == {
        "context",
        "attribution",
        "properties",
    }


async def test_what_remains_of_an_event(stores: Stores, aggregate: Aggregate) -> None:
    store(
        stores.database_url,
        [
            row(
                "world.session.started",
                "2026-04-27T10:00:00.5",
                "ann:1",
                app_id=APP,
                subject_id="ann",
                session_id="s-1",
                session_started_at="2026-04-27T09:00:00Z",
                group_id="7",
                entity_type="room",
                entity_id="r-1",
                request_id="req-1",
                country="DE",
                device_type="mobile",
                context={
                    "platform": "web",
                    "page_url": "/people/ann",
                    "locale": "ann",
                    "teacher_id": "t-1",
                    "ip": "203.0.113.0",
                    "extra": {"a": 1},
                },
                attribution={"campaign": "spring", "source": "s-1"},
                properties={
                    "community_id": 7,
                    "room_population": 12345678901234567890123,
                    "undeclared": "x",
                },
            )
        ],
    )
    [found] = await objects(aggregate)
    assert list(found) == REMAINING
    assert {name: value for name, value in found.items() if value not in (None, "")} == {
        "occurred_at": "2026-04-27T10:00:00.5+00:00",
        "ip_anonymized": True,
        "app_id": APP,
        "retention_class": "90d",
        "name": "world.session.started",
        "environment": "production",
        "group_id": "7",
        "entity_type": "room",
        "country": "DE",
        "device_type": "mobile",
        "context": {"platform": "web"},
        "attribution": {"campaign": "spring"},
        "properties": {"community_id": 7, "room_population": 12345678901234567890123},
    }
    text = await exported(aggregate, app_id=APP, without_personal_data=True, format=CSV)
    [header, values] = csv.reader(io.StringIO(text.decode(), newline=""))
    in_csv = dict(zip(header, values, strict=True))
    assert header == REMAINING
    assert json.loads(in_csv["properties"]) == found["properties"]
    assert in_csv["occurred_at"] == found["occurred_at"]


# A subject and a group, the properties of the event, and those that remain.
MENTIONS: list[tuple[str | None, str, dict[str, Any], dict[str, Any]]] = [
    # Declared as numbers: equal to the id by chance.
    ("12", "g", {"room_population": 12}, {"room_population": 12}),
    ("12", "12", {"room_population": 12}, {"room_population": 12}),
    ("ann", "g", {"zone_type": "ann"}, {}),
    ("ann", "g", {"zone_type": "anna", "from_zone": "x"}, {"zone_type": "anna", "from_zone": "x"}),
    # In lists and objects too, as a text or a name.
    ("ann", "g", {"zone_type": [{"a": "ann"}], "from_zone": {"ann": 1}}, {}),
    ("7", "g", {"zone_type": 7, "from_zone": 77}, {"from_zone": 77}),
    ('a"b', "g", {"zone_type": 'a"b', "from_zone": 'a\\"b'}, {"from_zone": 'a\\"b'}),
    (None, "g", {"zone_type": "z", "from_zone": None}, {"zone_type": "z", "from_zone": None}),
]


async def test_a_value_that_is_the_person_is_left_out(stores: Stores, aggregate: Aggregate) -> None:
    rows = []
    for number, (subject_id, group_id, properties, _) in enumerate(MENTIONS):
        name = "world.session.started" if "room_population" in properties else "world.zone.entered"
        columns = {"subject_id": subject_id, "group_id": group_id, "properties": properties}
        rows.append(row(name, f"2026-04-27T10:00:0{number}", f"e{number}", app_id=APP, **columns))
    store(stores.database_url, rows)
    found = sorted(await objects(aggregate), key=lambda one: one["occurred_at"])
    assert [(one["group_id"], one["properties"]) for one in found] == [
        (None if group_id == subject_id else group_id, remaining)
        for subject_id, group_id, _, remaining in MENTIONS
    ]


EXAMPLES = {
    app_id: getattr(event_properties, app_id.upper())
    for app_id in ("unofficial_communities", "ip_assets")
}


async def test_no_canary_gets_out(stores: Stores, aggregate: Aggregate) -> None:
    for app_id in EXAMPLES:
        await no_canary_of(stores, aggregate, app_id)


async def no_canary_of(stores: Stores, aggregate: Aggregate, app_id: str) -> None:
    """Every event of two documents, with a canary in all that may say who it was: the columns of ids, the
    properties that the catalog marks and others that it does not declare."""
    catalog = catalogs()[app_id]
    rows = []
    for number, (name, documented) in enumerate(EXAMPLES[app_id].items()):
        version = catalog.events[name].latest
        marked = {
            *version.pii_properties,
            *version.subject_properties,
            catalog.subject_name,
            "other",
        }
        columns = {
            column: f"{CANARY}-{column}"
            for column in ("subject_id", "session_id", "entity_id", "request_id", "anonymous_id")
        }
        rows.append(
            row(
                name,
                "2026-04-27T10:00:00",
                f"{CANARY}-{number}",
                app_id=app_id,
                person=uuid.UUID("ca4a41ca-0000-4000-8000-000000000000"),
                context={"page_url": f"/{CANARY}", "extra": {CANARY: CANARY}, "ip": CANARY},
                attribution={"source": columns["subject_id"]},
                properties={**documented, **{one: f"{CANARY}-{one}" for one in marked}},
                **columns,
            )
        )
    store(stores.database_url, rows)
    options = {"app_id": app_id, "without_personal_data": True}
    for form in (CSV, pb.EXPORT_FORMAT_JSON_LINES):
        data = await exported(aggregate, **options, format=form)
        assert data.count(b"2026-04-27T10:00:00+00:00") == len(rows)
        assert CANARY.encode() not in data
        assert b"ca4a41ca" not in data
    # The whole export has it in every event.
    whole = await exported(aggregate, app_id=app_id)
    assert all(CANARY.encode() in line for line in whole.splitlines())


async def test_a_filter_cannot_ask_for_what_is_left_out(aggregate: Aggregate) -> None:
    for condition in (
        "subject_id = ann",
        "person = 0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "name = world.session.started AND session_id = s",
        "event_id = e",
        "event_uuid = 0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        'properties.phone_prefix = "+49"',
        "properties.identity_id = ann",
        "NOT properties.undeclared = x",
        "name = unknown AND properties.room_population = 1",
        "context.page_url = x",
        "NOT occurred_at = 2026-04-27T10:00:00Z",
    ):
        error = await refused(aggregate, app_id=APP, without_personal_data=True, filter=condition)
        assert reason_of(error) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "filter"), condition


async def test_a_filter_by_a_group_and_a_cut_export(stores: Stores, aggregate: Aggregate) -> None:
    """Along another index the events of several names are one file. Its token is none of a whole export."""
    names = ("world.session.started", "user.login.started", "unknown")
    store(
        stores.database_url,
        [
            row(name, f"2026-04-27T10:00:0{n}", f"e{n}", app_id=APP, group_id="7",
                properties={"room_population": n, "phone_prefix": "+49"})
            for n, name in enumerate(names)
        ],
    )  # fmt: skip
    found = await objects(aggregate, filter="group_id = 7")
    assert [one["name"] for one in found] == list(names)
    assert [one["properties"] for one in found] == [{"room_population": 0}, {}, {}]
    token = (
        await call(aggregate, app_id=APP, without_personal_data=True, filter="group_id = 7").read()
    ).resume_token
    error = await refused(aggregate, app_id=APP, filter="group_id = 7", resume_token=token)
    assert reason_of(error) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "resume_token")


async def test_the_read_token_exports_nothing(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    tokens = {"auth_token": SecretStr("suite"), "read_token": SecretStr("read")}
    stores.settings = stores.settings.model_copy(update=tokens)
    aggregate = await start()
    store(stores.database_url, [row("user.login.started", "2026-04-27T10:00:00", "e", app_id=APP)])

    async def rows(token: str, **fields: Any) -> int:
        request = pb.ExportEventsRequest(app_id=APP, format=CSV, **fields)
        found = aggregate.stub.ExportEvents(
            request, metadata=(("authorization", f"Bearer {token}"),)
        )
        return sum([response.rows async for response in found])

    for without_person in (True, False):
        assert await rows("suite", without_personal_data=without_person) == 1
        with pytest.raises(grpc.aio.AioRpcError) as denied:
            await rows("read", without_personal_data=without_person)
        assert reason_of(denied.value) == ("PERMISSION_DENIED", "PERMISSION_DENIED", "")
        assert details_of(denied.value).metadata == {"permission": "events.export"}
