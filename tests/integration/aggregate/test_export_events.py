"""ExportEvents against a running service and real stores."""

import csv
import io
import json
import random
import resource
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import psycopg
import pytest
from weir.aggregate.v1 import event_query_pb2 as pb
from weir.aggregate.v1 import time_frame_pb2

from libs.events import COLUMNS
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.rejections import details_of, reason_of
from tests.support.restricted_people import RestrictingPrivacy
from tests.support.stored_events import row, store

CSV, LINES = pb.EXPORT_FORMAT_CSV, pb.EXPORT_FORMAT_JSON_LINES
CHUNK_BYTES = 256 * 1024
# {count} events of about a kilobyte of JSON, of three names, some of them at the same moment.
MANY = """
    INSERT INTO enrich.events (event_uuid, occurred_at, received_at, app_id, retention_class, name,
                               schema_version, producer, environment, properties)
    SELECT gen_random_uuid(), timestamptz '2026-04-27Z' + n / 3 * interval '1 second', now(), 'arena',
           '90d', 'n' || n % 3, '', '', 'production',
           jsonb_build_object('n', n, 'text', repeat(md5(n::text), {repeat}))
    FROM generate_series(0, {count} - 1) AS n
"""


def call(aggregate: Aggregate, **fields: Any) -> Any:
    return aggregate.stub.ExportEvents(
        pb.ExportEventsRequest(**{"app_id": APP, "format": LINES, **fields})
    )


async def exported(aggregate: Aggregate, **fields: Any) -> bytes:
    """The whole file."""
    responses = [response async for response in call(aggregate, **fields)]
    assert [response.last for response in responses] == [False] * (len(responses) - 1) + [True]
    assert all(len(response.data) <= CHUNK_BYTES for response in responses)
    data = b"".join(response.data for response in responses)
    # Lines of CSV may be several lines of text.
    if fields.get("format") != CSV:
        assert sum(response.rows for response in responses) == data.count(b"\n")
    return data


async def rest_of(open_call: Any) -> list[pb.ExportEventsResponse]:
    """What is left of a call of which something was read."""
    found = []
    while (response := await open_call.read()) is not grpc.aio.EOF:
        found.append(response)
    return found


async def is_full(aggregate: Aggregate) -> bool:
    """Whether another export is refused."""
    try:
        await exported(aggregate, filter="name = none")
    except grpc.aio.AioRpcError as error:
        return bool(error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED)
    return False


async def refused(aggregate: Aggregate, **fields: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call(aggregate, **fields):
            pass
    error: grpc.aio.AioRpcError = caught.value
    return error


def many(stores: Stores, count: int, repeat: int = 1) -> None:
    with psycopg.connect(stores.database_url) as connection:
        connection.execute(MANY.format(count=count, repeat=repeat).encode())


async def test_lines_have_exactly_the_published_columns(
    stores: Stores, aggregate: Aggregate
) -> None:
    known = "550e8400-e29b-41d4-a716-446655440000"
    store(
        stores.database_url,
        [
            row(
                "b",
                "2026-04-27T10:00:00.5",
                "=1+1",
                subject_id='ann "a", b\nc',
                session_started_at="2026-04-27T09:00:00Z",
                country="DE",
                context={"platform": "web"},
                properties={"big": 12345678901234567890123, "t": 'x"y', "f": 1.50},
            ),
            row("a", "2026-04-28T10:00:00", None, event_uuid=known, group_id="+49"),
        ],
    )
    names = [column.name for column in COLUMNS]
    lines = (await exported(aggregate)).splitlines()
    objects = [json.loads(line) for line in lines]
    assert [list(one) for one in objects] == [names, names]
    # By name first.
    assert [one["event_id"] for one in objects] == [known, "=1+1"]
    second = objects[1]
    assert second["occurred_at"] == "2026-04-27T10:00:00.5+00:00"
    assert second["subject_id"] == 'ann "a", b\nc'
    assert second["properties"] == {"big": 12345678901234567890123, "t": 'x"y', "f": 1.5}
    assert (second["context"], second["attribution"]) == ({"platform": "web"}, None)

    text = (await exported(aggregate, format=CSV)).decode()
    header, *rows = list(csv.reader(io.StringIO(text, newline="")))
    assert header == names
    first, second_row = (dict(zip(names, one, strict=True)) for one in rows)
    assert first["group_id"] == "'+49"
    assert (first["event_id"], first["subject_id"], first["country"]) == (known, "", "")
    assert second_row["event_id"] == "'=1+1"
    assert second_row["subject_id"] == 'ann "a", b\nc'
    assert second_row["occurred_at"] == "2026-04-27T10:00:00.5+00:00"
    assert json.loads(second_row["properties"]) == second["properties"]
    # What is missing is not an empty text.
    assert f",{known},,," in text.replace(f'"{known}"', known)


async def test_a_restriction_is_in_force_from_the_next_page_of_an_export_on(
    stores: Stores, aggregate: Aggregate, privacy: RestrictingPrivacy
) -> None:
    """Pages are of one name, so those of the other two come after the first one's."""
    many(stores, 900, repeat=400)
    stores.sql("UPDATE enrich.events SET subject_id = 'ann' RETURNING 1")
    store(stores.database_url, [row("others", "2026-04-27T10:00:00", "b", subject_id="bob")])
    stores.sql("UPDATE enrich.events SET name = 'n2' WHERE event_id = 'b' RETURNING 1")
    export = call(aggregate)
    found = [await export.read()]
    privacy.restricted.add("ann")
    found += await rest_of(export)
    assert found[-1].last
    lines = [json.loads(line) for line in b"".join(each.data for each in found).splitlines()]
    of_ann = [line for line in lines if line["subject_id"] == "ann"]
    assert of_ann
    assert {line["name"] for line in of_ann} == {"n0"}
    assert [line["subject_id"] for line in lines if line["subject_id"] != "ann"] == ["bob"]


async def test_an_export_of_one_person_ends_when_they_are_restricted(
    stores: Stores, aggregate: Aggregate, privacy: RestrictingPrivacy
) -> None:
    many(stores, 1_800, repeat=400)
    stores.sql("UPDATE enrich.events SET subject_id = 'ann' RETURNING 1")
    export = call(aggregate, filter='subject_id = "ann"')
    assert (await export.read()).rows
    privacy.restricted.add("ann")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await rest_of(export)
    assert reason_of(error.value) == ("FAILED_PRECONDITION", "PROCESSING_RESTRICTED", "")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"])
async def test_no_text_of_a_producer_is_a_formula(
    stores: Stores, aggregate: Aggregate, sign: str
) -> None:
    hostile = f"{sign}cmd|' /C calc'!A0"
    columns = {"subject_id": hostile, "group_id": hostile, "entity_id": hostile, "country": hostile}
    store(stores.database_url, [row("n", "2026-04-27T10:00:00", hostile, **columns)])
    text = (await exported(aggregate, format=CSV)).decode()
    [values] = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert values.count("'" + hostile) == 5
    assert not [value for value in values if value.startswith(sign)]
    [line] = (await exported(aggregate)).splitlines()
    assert json.loads(line)["subject_id"] == hostile


async def test_filters_and_times_choose_what_is_exported(
    stores: Stores, aggregate: Aggregate
) -> None:
    store(
        stores.database_url,
        [
            row("b", "2026-04-27T10:00:00", "1", subject_id="ann"),
            row("a", "2026-04-28T10:00:00", "2", subject_id="ann"),
            row("a", "2026-04-27T09:00:00", "3"),
            row("a", "2026-04-27T09:00:00", "x", app_id="go"),
        ],
    )

    async def ids(**fields: Any) -> str:
        return "".join(
            json.loads(line)["event_id"]
            for line in (await exported(aggregate, **fields)).splitlines()
        )

    assert await ids() == "321"
    assert await ids(filter="name = b") == "1"
    # One person's are in the order of time.
    assert await ids(filter="subject_id = ann") == "12"
    between = time_frame_pb2.TimeInterval()
    between.to.FromJsonString("2026-04-28T00:00:00Z")
    assert await ids(time=time_frame_pb2.TimeFrame(between=between)) == "31"
    assert await ids(time=time_frame_pb2.TimeFrame(last="1h")) == ""
    assert (
        await exported(aggregate, filter="name = none", format=CSV)
        == (",".join(column.name for column in COLUMNS) + "\n").encode()
    )


@pytest.mark.parametrize("form", [CSV, LINES])
@pytest.mark.parametrize("condition", ["", "properties.n > 5000 OR properties.n < 3"])
async def test_an_export_that_is_cut_anywhere_goes_on_there(
    stores: Stores, aggregate: Aggregate, form: Any, condition: str
) -> None:
    """25,000 events, three pages of each name in chunks of 256 KiB; cut off after one to four messages."""
    many(stores, 25_000, repeat=8)
    options = {"format": form, "filter": condition}
    whole = await exported(aggregate, **options)
    dice = random.Random(8)
    file, token = b"", ""
    attempts = 0
    while True:
        attempts += 1
        open_call = call(aggregate, **options, resume_token=token)
        part, last = b"", False
        async for response in open_call:
            part += response.data
            if response.resume_token:
                token, file, part = response.resume_token, file + part, b""
            last = response.last
            if dice.random() < 0.3:
                break
        open_call.cancel()
        if last:
            break
    assert file + part == whole
    assert attempts > 5


async def test_events_longer_than_a_chunk_are_whole(stores: Stores, aggregate: Aggregate) -> None:
    texts = ["x" * 10, '"' * 700_000, "y" * 300_000, "z"]
    rows = [
        row("n", f"2026-04-27T10:00:0{n}", f"e{n}", properties={"t": text})
        for n, text in enumerate(texts)
    ]
    store(stores.database_url, rows)
    lines = (await exported(aggregate)).splitlines()
    assert [json.loads(line)["properties"]["t"] for line in lines] == texts
    text = (await exported(aggregate, format=CSV)).decode()
    csv.field_size_limit(10_000_000)
    values = list(csv.reader(io.StringIO(text, newline="")))[1:]
    place = [column.name for column in COLUMNS].index("properties")
    assert [json.loads(one[place])["t"] for one in values] == texts


async def test_what_is_stored_meanwhile_disturbs_no_other_event(
    stores: Stores, aggregate: Aggregate
) -> None:
    many(stores, 3_000, repeat=30)
    before = sorted((await exported(aggregate)).splitlines())
    open_call = call(aggregate)
    first = await open_call.read()
    store(
        stores.database_url,
        [row("n0", "2026-04-26T10:00:00", "early"), row("n9", "2026-04-27T00:00:00", "late")],
    )
    rest = await rest_of(open_call)
    lines = (first.data + b"".join(response.data for response in rest)).splitlines()
    known = [line for line in lines if b'"early"' not in line and b'"late"' not in line]
    assert sorted(known) == before


async def test_memory_is_flat_whatever_is_exported(stores: Stores, aggregate: Aggregate) -> None:
    """150,000 events make about 190 MB; the service is in this process, and this test keeps nothing."""
    many(stores, 150_000, repeat=25)
    total = rows = 0

    async def read(limit: int) -> None:
        nonlocal total, rows
        total = rows = 0
        open_call = call(aggregate)
        async for response in open_call:
            total += len(response.data)
            rows += response.rows
            if rows >= limit:
                open_call.cancel()
                return

    # What a first export needs in any case: buffers, the plan, code.
    await read(20_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await read(1_000_000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert rows == 150_000
    assert total > 180_000_000
    assert grown < 30_000, f"{grown} KB more"


async def test_exports_beyond_the_limit_are_refused_and_end_frees_a_slot(
    stores: Stores, aggregate: Aggregate
) -> None:
    many(stores, 10_000, repeat=30)
    held = [call(aggregate) for _ in range(2)]
    for one in held:
        await one.read()
    error = await refused(aggregate)
    assert reason_of(error) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED", "")
    assert dict(details_of(error).metadata) == {"limit": "max_exports", "value": "2"}
    # Pages are answered all the same.
    await aggregate.stub.ListEvents(pb.ListEventsRequest(app_id=APP), timeout=30)
    for one in held:
        one.cancel()
    while await is_full(aggregate):
        pass


async def test_a_client_that_takes_nothing_is_cut_off(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    many(stores, 20_000, repeat=60)
    limits = {"export_stall_seconds": 0.3, "max_exports": 1}
    stores.settings = stores.settings.model_copy(update=limits)
    slow = await start()
    open_call = call(slow)
    await open_call.read()
    # Nothing more is read, until the server has ended the call and its place is free.
    while await is_full(slow):
        pass
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rest_of(open_call)
    assert reason_of(caught.value) == ("DEADLINE_EXCEEDED", "CALL_TIMED_OUT", "")
    assert details_of(caught.value).metadata["limit"] == "export_stall_seconds"


async def test_a_process_that_ends_says_so(stores: Stores, aggregate: Aggregate) -> None:
    many(stores, 20_000, repeat=60)
    open_call = call(aggregate)
    await open_call.read()
    aggregate.drain()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await rest_of(open_call)
    assert reason_of(caught.value) == ("UNAVAILABLE", "DRAINING", "")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"app_id": "bingo"}, ("NOT_FOUND", "APP_UNKNOWN", "")),
        ({"format": 0}, ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "format")),
        ({"filter": "nam = x"}, ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "filter")),
        (
            {"time": time_frame_pb2.TimeFrame(last="1s")},
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "time.last"),
        ),
        ({"resume_token": "AAAA"}, ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "resume_token")),
    ],
)
async def test_a_wrong_argument_is_named(
    aggregate: Aggregate, fields: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert reason_of(await refused(aggregate, **fields)) == expected


async def test_a_token_of_another_export_is_refused(stores: Stores, aggregate: Aggregate) -> None:
    many(stores, 10)
    token = (await call(aggregate).read()).resume_token
    error = await refused(aggregate, resume_token=token, format=CSV)
    assert reason_of(error) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "resume_token")
