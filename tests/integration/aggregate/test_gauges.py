"""Gauges of a running service: counted, made again from the stored events, read and watched."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result
from weir.aggregate.v1 import gauge_pb2, reliability_pb2
from weir.common.v1 import event_pb2

from cli.commands.query import app
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import entry
from tests.support.gauge_events import APP, CATALOG, seen
from tests.support.rejections import reason_of
from tests.support.stored_events import row, store
from tests.support.waiting import until

EMPTY: dict[str, Any] = {
    "online": (0, {}),
    "inside": (0, {}),
    "nearest": (0, {}),
    "visits": (0, {}),
}


@pytest.fixture
def stores(stores: Stores, tmp_path: Path) -> Stores:
    """Stores with the lounge's catalog."""
    (tmp_path / "lounge.yaml").write_text(CATALOG)
    return stores


def ago(minutes: float, name: str, person: str, room: str = "", **more: str) -> event_pb2.Event:
    """An event that occurred so many minutes before now."""
    message = seen(name, person, 0, room or None, **more)
    moment = datetime.now(UTC) - timedelta(minutes=minutes)
    message.occurred_at.FromDatetime(moment.replace(tzinfo=None))
    return message


def sent(*events: event_pb2.Event) -> dict[bytes, bytes]:
    """A stream entry that was received now."""
    received_at_us = int(datetime.now(UTC).timestamp() * 1e6)
    return entry(*events, app_id=APP, received_at_us=received_at_us)


async def read(aggregate: Aggregate, *gauges: str, **dimensions: Any) -> Any:
    request = gauge_pb2.QueryGaugesRequest(app_id=APP, gauges=gauges)
    request.dimensions.update(dimensions)
    return await aggregate.stub.QueryGauges(request, timeout=20)


async def ready(aggregate: Aggregate) -> None:
    """Waits until no gauge is incomplete."""

    async def is_ready() -> bool:
        try:
            await read(aggregate)
        except grpc.aio.AioRpcError as error:
            if reason_of(error)[:2] != ("UNAVAILABLE", "GAUGE_REBUILDING"):
                raise
            return False
        return True

    await until(is_ready)


def values(readings: Any) -> dict[str, Any]:
    return {
        each.gauge: (
            each.value,
            {str(*dict(group.dimensions).values()): group.value for group in each.groups},
        )
        for each in readings
    }


async def test_counted_from_the_stream(stores: Stores, aggregate: Aggregate) -> None:
    await ready(aggregate)
    assert values((await read(aggregate)).readings) == EMPTY
    begin = datetime.now(UTC)
    fields = sent(
        ago(3, "entered", "ann", "red", session="s1"),
        ago(2, "entered", "bob", "red"),
        ago(1, "left", "bob", "red"),
        ago(0, "looked", "eve", house="north"),
        ago(31, "entered", "old", "red"),
    )
    stores.send(fields)
    # The same batch again, as after a crash between commit and acknowledgement.
    stores.send(fields)
    await stores.until_drained()
    answer = await read(aggregate)
    assert values(answer.readings) == {
        "online": (1, {"north": 1}),
        "inside": (1, {"red": 1}),
        "nearest": (1, {"red": 1}),
        "visits": (1, {}),
    }
    reading = answer.readings[0]
    assert begin <= reading.moment.ToDatetime(tzinfo=UTC) <= datetime.now(UTC)
    assert reading.reliability.completeness == reliability_pb2.COMPLETENESS_PROVISIONAL
    [one] = (await read(aggregate, "inside", room="red")).readings
    assert (one.value, list(one.groups)) == (1, [])
    [none] = (await read(aggregate, "inside", room=5)).readings
    assert none.value == 0


async def test_what_redis_lost_is_made_again_from_stored_events(
    stores: Stores, aggregate: Aggregate
) -> None:
    await ready(aggregate)
    stores.send(sent(ago(3, "entered", "ann", "red")))
    await stores.until_drained()
    now = datetime.now(UTC).replace(tzinfo=None)
    stored: dict[str, Any] = {"app_id": APP, "properties": {"room": "blue"}}
    store(
        stores.database_url,
        [
            row("entered", (now - timedelta(minutes=9)).isoformat(), subject_id="bob", **stored),
            row("entered", (now - timedelta(minutes=8)).isoformat(), subject_id="eve", **stored),
            row("left", (now - timedelta(minutes=7)).isoformat(), subject_id="eve", **stored),
        ],
    )
    stores.redis.flushall()
    await ready(aggregate)
    # Ann's event was counted and, in this test, never stored.
    assert values((await read(aggregate, "inside")).readings) == {"inside": (1, {"blue": 1})}


async def test_watching(stores: Stores, aggregate: Aggregate) -> None:
    await ready(aggregate)
    call = aggregate.stub.WatchGauges(gauge_pb2.WatchGaugesRequest(app_id=APP), timeout=60)
    messages = call.__aiter__()
    assert values((await anext(messages)).readings) == EMPTY
    stores.send(sent(ago(3, "entered", "ann", "red")))
    found: dict[str, Any] = {}
    while found.keys() != {"inside", "nearest", "visits"} - {"visits"}:
        found |= values((await anext(messages)).readings)
    # Only what changed.
    assert found == {"inside": (1, {"red": 1}), "nearest": (1, {"red": 1})}
    stores.redis.flushall()
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        async for _ in messages:
            pass
    assert reason_of(ended.value)[:2] == ("UNAVAILABLE", "GAUGE_REBUILDING")


async def test_draining_ends_watches(aggregate: Aggregate) -> None:
    await ready(aggregate)
    call = aggregate.stub.WatchGauges(gauge_pb2.WatchGaugesRequest(app_id=APP), timeout=60)
    messages = call.__aiter__()
    await anext(messages)
    aggregate.drain()
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await anext(messages)
    assert reason_of(ended.value)[:2] == ("UNAVAILABLE", "DRAINING")


@pytest.mark.parametrize(
    ("gauges", "dimensions", "reason"),
    [
        (["outside"], {}, ("NOT_FOUND", "GAUGE_UNKNOWN", "")),
        ([], {"room": "red"}, ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "dimensions")),
        (["inside"], {"rum": "red"}, ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "dimensions")),
        (["visits"], {"room": "red"}, ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "dimensions")),
    ],
)
async def test_refused(
    aggregate: Aggregate, gauges: list[str], dimensions: dict[str, Any], reason: tuple[str, ...]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await read(aggregate, *gauges, **dimensions)
    assert reason_of(refused.value) == reason


async def test_the_command(stores: Stores, aggregate: Aggregate, home: Path) -> None:
    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["gauge", *arguments]))

    await ready(aggregate)
    stores.send(sent(ago(3, "entered", "ann", "red"), ago(2, "entered", "bob", "blue")))
    await stores.until_drained()
    shown = (await run("--app", APP, "--gauge", "inside")).stdout.splitlines()
    assert [line.split("  ", 1)[1] for line in shown] == [
        "inside  2",
        "1  room=blue",
        "1  room=red",
    ]
    found = await run("--app", APP, "--gauge", "inside", "--where", "room=red", "--json")
    plain = json.loads(found.stdout)
    assert (plain["value"], plain["groups"], plain["other"]) == (1, [], 0)
    lines = (await run("--app", APP, "--gauge", "inside", "--csv")).stdout.splitlines()
    moment = lines[1].split(",")[1]
    assert datetime.fromisoformat(moment) <= datetime.now(UTC)
    assert [line.replace(moment, "now") for line in lines] == [
        "gauge,moment,of,room,value",
        "inside,now,all,,2",
        "inside,now,group,blue,1",
        "inside,now,group,red,1",
    ]
    assert (await run("--app", APP, "--watch", "--csv")).exit_code == 2
    assert (await run("--app", APP, "--watch", "--where", "room=red")).exit_code == 2
    assert "declares no gauges" in (await run("--app", "arena")).stdout
