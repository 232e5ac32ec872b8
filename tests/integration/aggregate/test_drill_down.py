"""The events behind a cell are those that it counted."""

import json
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2 as service_pb
from weir.aggregate.v1 import event_query_pb2 as pb
from weir.aggregate.v1 import time_frame_pb2
from weir.common.v1 import event_pb2

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP
from tests.support.rejections import reason_of
from tests.support.stored_events import row, store

TIMEOUT = 30
# 300 characters: a cell has 255 of them and an ellipsis. The first 255 of the second one are the same.
LONG, TWIN = "m" * 300, "m" * 255 + "n" * 45
BIG = {"k": "o" * 300}
# What a match's mode may be; the numbers of matches that have it, in week 18 of 2026.
MODES: list[tuple[Any, int]] = [
    ("duel", 3),
    (5, 2),
    ("5", 1),
    (0.5, 1),
    (True, 1),
    ("true", 1),
    (None, 2),
    ({"b": 1, "a": [1, 2.0]}, 2),
    ([1, "x"], 1),
    (LONG, 2),
    (TWIN, 1),
    (LONG[:256], 1),
    (LONG[:255] + "…", 1),
    (BIG, 2),
    ("…", 1),
    ('quote " and \\', 1),
    ("100%_*", 1),
]


async def cells(aggregate: Aggregate, rollup: str) -> list[service_pb.Cell]:
    request = service_pb.QueryRollupRequest(app_id=APP, rollup=rollup)
    return list((await aggregate.stub.QueryRollup(request, timeout=TIMEOUT)).cells)


async def behind(
    aggregate: Aggregate, rollup: str, cell: service_pb.Cell, **fields: Any
) -> list[str]:
    """The ids of a cell's events."""
    of = pb.RollupCell(rollup=rollup, bucket_start=cell.bucket_start, dimensions=cell.dimensions)
    request = pb.ListEventsRequest(app_id=APP, of=pb.DrillDown(cell=of), page_size=2, **fields)
    found: list[str] = []
    while True:
        response = await aggregate.stub.ListEvents(request, timeout=TIMEOUT)
        found += [one.event_id for one in response.events]
        if not response.next_page_token:
            return found
        request.page_token = response.next_page_token


async def test_every_cell_has_as_many_events_as_it_counted(
    stores: Stores, aggregate: Aggregate
) -> None:
    """The same events counted and stored, and some of other weeks, names and apps."""
    modes = [mode for mode, count in MODES for _ in range(count)]
    sent, rows = [], []
    for number, mode in enumerate(modes):
        properties = {} if mode is None and number % 2 else {"mode": mode}
        guild = f"g{number % 2}" if number % 5 else ""
        when = f"2026-04-{27 + number % 4}T10:00:{number:02}"
        sent.append(event(when=when, player=f"p{number}", guild=guild, properties=properties))
        rows.append(
            row(
                "match.ended",
                when,
                f"e{number}",
                subject_id=f"p{number}",
                group_id=guild or None,
                properties=properties,
            )
        )
    for when in ("2026-04-26T23:59:59", "2026-05-04T00:00:00"):
        sent.append(event(when=when, guild="g1", properties={"mode": "duel"}))
        rows.append(row("match.ended", when, when, group_id="g1", properties={"mode": "duel"}))
    others = [
        row(
            "match.left", "2026-04-27T10:00:00", "left", group_id="g1", properties={"mode": "duel"}
        ),
        row("match.ended", "2026-04-27T10:00:00", "go", app_id="go", properties={"mode": "duel"}),
    ]
    store(stores.database_url, [*rows, *others])
    stores.send(entry(*sent))
    await stores.until_drained()
    every: list[str] = []
    counted = await cells(aggregate, "matches")
    assert len(counted) > len(MODES)
    for cell in counted:
        found = await behind(aggregate, "matches", cell)
        dimensions = json_format.MessageToDict(cell.dimensions)
        assert len(found) == cell.metrics["matches"], dimensions
        every += found
    # Each event is behind one cell.
    assert sorted(every) == sorted(one["event_id"] for one in rows)


async def test_sources_of_the_envelope_context_entity_and_enrichment(
    stores: Stores, aggregate: Aggregate
) -> None:
    """Rollup `scores` has the dimensions country, entity.type, context.platform and producer, by month."""
    sent = [
        event(properties={"score": 1}, entity_type="match", platform="web"),
        event(properties={"score": 1}, producer=event_pb2.PRODUCER_FRONTEND),
        event("match.left", properties={"score": 1}, producer=event_pb2.PRODUCER_FRONTEND),
    ]
    here = {"country": "DE", "entity_type": "match", "context": {"platform": "web"}}
    rows = [
        row("match.ended", "2026-04-27T10:20:30", "a", producer="server", **here),
        row("match.ended", "2026-04-27T10:20:30", "b", producer="frontend"),
        row("match.left", "2026-04-30T23:59:59", "c", producer="frontend", context={}),
    ]
    store(stores.database_url, rows)
    stores.send(entry(*sent, countries=["DE", "", ""]))
    await stores.until_drained()
    found = {
        cell.dimensions["producer"]: "".join(sorted(await behind(aggregate, "scores", cell)))
        for cell in await cells(aggregate, "scores")
    }
    assert found == {"server": "a", "frontend": "bc"}
    [cell] = [one for one in await cells(aggregate, "scores") if one.metrics["score"] == 2]
    assert await behind(aggregate, "scores", cell, filter="name = match.left") == ["c"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rollup": "none"}, ("NOT_FOUND", "ROLLUP_UNKNOWN", "")),
        ({"bucketStart": None}, ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "of.cell.bucket_start")),
        (
            {"dimensions": {"mode": 1}},
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "of.cell.dimensions"),
        ),
        (
            {"dimensions": {"mode": 1, "guild_id": "g", "x": 1}},
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "of.cell.dimensions"),
        ),
        (
            {"dimensions": {"mode": "\x00", "guild_id": "g"}},
            ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "of.cell.dimensions"),
        ),
    ],
)
async def test_what_is_no_cell_is_refused(
    aggregate: Aggregate, change: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    cell = {
        "rollup": "matches",
        "bucketStart": "2026-04-27T00:00:00Z",
        "dimensions": {"guild_id": None, "mode": "duel"},
        **change,
    }
    of = json_format.Parse(json.dumps(cell), pb.RollupCell())
    request = pb.ListEventsRequest(app_id=APP, of=pb.DrillDown(cell=of))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await aggregate.stub.ListEvents(request, timeout=TIMEOUT)
    assert reason_of(refused.value) == expected


async def test_a_cell_has_its_own_time(aggregate: Aggregate) -> None:
    of = pb.DrillDown(cell=pb.RollupCell(rollup="matches"))
    request = pb.ListEventsRequest(app_id=APP, of=of, time=time_frame_pb2.TimeFrame(last="24h"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await aggregate.stub.ListEvents(request, timeout=TIMEOUT)
    assert reason_of(refused.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "time")


@pytest.mark.parametrize(
    ("rollup", "dimensions"),
    [
        ("loot", ()),
        ("matches", ("guild_id", "mode")),
        ("scores", ("country", "entity_type", "platform", "producer")),
    ],
)
async def test_a_cell_at_the_end_of_time_has_no_event(
    aggregate: Aggregate, rollup: str, dimensions: tuple[str, ...]
) -> None:
    query = service_pb.QueryRollupRequest(app_id=APP, rollup=rollup)
    query.to.FromJsonString("9999-12-31T23:59:59Z")
    last = service_pb.Cell()
    last.bucket_start.CopyFrom(query.to)
    last.dimensions.update(dict.fromkeys(dimensions))
    assert await behind(aggregate, rollup, last) == []
