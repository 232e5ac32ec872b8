"""VerifyRollups against real stores: what it finds was put there by hand."""

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from google.protobuf import json_format
from weir.aggregate.v1 import verify_pb2 as pb
from weir.common.v1 import event_pb2

from libs.common.ids import new_uuid7
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import event
from tests.support.arena_catalog import APP
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.recounted_events import store

TIMEOUT = 60
# Three weeks ago, so that raw events (90 days) cannot have expired; 10:20:30 on that day.
DAY = (datetime.now(UTC) - timedelta(days=21)).date().isoformat()
AT = f"{DAY}T10:20:30"


def played(player: str, when: str = AT, **properties: Any) -> event_pb2.Event:
    return event(when=when, player=player, guild="g1", properties=properties)


async def count(stores: Stores, *events: event_pb2.Event, **others: Any) -> None:
    """Stores and counts the events of one batch."""
    stores.send(store(stores.database_url, *events, **others))
    await stores.until_drained()


async def verify(
    aggregate: Aggregate, *rollups: str, wait: int = TIMEOUT, **times: str
) -> tuple[list[tuple[Any, ...]], tuple[int, int, int, int]]:
    """The differences, and the summary: compared, different, sealed, unsettled."""
    request = pb.VerifyRollupsRequest(app_id=APP, rollups=rollups, wait_seconds=wait)
    for name, text in times.items():
        getattr(request, name.removesuffix("_")).FromJsonString(text)
    *found, last = [one async for one in aggregate.stub.VerifyRollups(request, timeout=TIMEOUT)]
    assert last.WhichOneof("result") == "summary"
    summary = last.summary
    return [_plain(one.difference) for one in found], (
        summary.cells_compared,
        summary.cells_different,
        summary.cells_sealed,
        summary.cells_unsettled,
    )


def _plain(difference: pb.VerifyDifference) -> tuple[Any, ...]:
    return (
        difference.rollup,
        json_format.MessageToDict(difference.dimensions),
        difference.metric,
        pb.MeasurePart.Name(difference.part).removeprefix("MEASURE_PART_"),
        difference.counted if difference.HasField("counted") else None,
        difference.recounted if difference.HasField("recounted") else None,
    )


def change(stores: Stores, statement: str, *parameters: object) -> int:
    """Changes rows behind the service's back; returns how many."""
    with psycopg.connect(stores.database_url) as connection:
        return connection.execute(statement.encode(), parameters).rowcount


_MATCHES = "SELECT cell_id FROM aggregate.cells WHERE rollup = 'matches'"
ADD_ONE = """
    UPDATE aggregate.measures m SET count = count + 1 FROM aggregate.cells c
    WHERE c.cell_id = m.cell_id AND c.rollup = 'matches' AND m.metric = 'matches'
"""


async def test_every_kind_of_metric_and_value_recounts_to_what_was_counted(
    stores: Stores, aggregate: Aggregate
) -> None:
    modes: list[Any] = [5, 5.0, "5", True, False, None, "", "x" * 300, {"a": 1}, 0.1, 2**60]
    scores: list[Any] = [0.1, 0.2, 0.7, 3, -2.5, "4", None, True, 2**60 + 1, 1e22, 1e-7]
    items: list[Any] = [1, "1", 1.0, "", None, {"n": 1}, [1, 2], "sword", 2.5, "2.5", "sword"]
    events = [
        played(f"p{place % 4}", mode=mode, score=score, loot={"item": item})
        for place, (mode, score, item) in enumerate(zip(modes, scores, items, strict=True))
    ]
    anonymous = event(when=AT, pseudonym="a" * 32, platform="ios", entity_type="match")
    without_person = event("match.left", AT, producer=event_pb2.PRODUCER_FRONTEND)
    big = event(when=AT, player="p9")
    big.properties_json = b'{"score": 12345678901234567890123, "mode": 1E2}'
    countries = ["PT"] * 6 + [""] * (len(events) - 6) + ["DE", "", "FR"]
    await count(stores, *events, anonymous, without_person, big, countries=countries)
    # By hand: 13 matches in 12 modes (5 and 5.0 are one; None is another cell, with the anonymous one in no
    # guild, and 100); two names in an hour; one day of people; one of loot; of scores by country, entity,
    # platform and producer those with a number: PT, none, FR.
    differences, summary = await verify(aggregate)
    assert differences == []
    assert summary == (12 + 2 + 1 + 1 + 3, 0, 0, 0)
    # 1, "1" and 1.0 are one item, 2.5 and "2.5" another; then {"n": 1}, [1, 2] and sword.
    items_counted = "SELECT count FROM aggregate.measures WHERE metric = 'items'"
    assert stores.sql(items_counted) == [(5,)]


async def test_one_more_in_a_measure_is_exactly_that_difference(
    stores: Stores, aggregate: Aggregate
) -> None:
    await count(stores, played("ann", mode="duel", score=2), played("bob", mode="duel", score=3))
    assert change(stores, ADD_ONE) == 1
    differences, summary = await verify(aggregate)
    cell = {"guild_id": "g1", "mode": "duel"}
    assert differences == [("matches", cell, "matches", "COUNT", 3, 2)]
    # One cell each of activity, events, matches and scores.
    assert summary == (4, 1, 0, 0)
    assert await verify(aggregate, "scores", "activity") == ([], (2, 0, 0, 0))


async def test_what_a_sum_hides_is_found_too(stores: Stores, aggregate: Aggregate) -> None:
    await count(stores, played("ann", score=0.1), played("bob", score=0.2))
    total = "UPDATE aggregate.measures SET total = total + 1e-20 WHERE metric = 'score'"
    assert change(stores, f"{total} AND cell_id IN ({_MATCHES})") == 1
    least = f"UPDATE aggregate.measures SET minimum = -1 WHERE cell_id IN ({_MATCHES})"
    assert change(stores, f"{least} AND metric = 'score'") == 1
    differences, _ = await verify(aggregate, "matches")
    cell = {"guild_id": "g1", "mode": None}
    # The sum and the mean are made of the same total; the greatest score is as it was.
    assert differences == [
        ("matches", cell, "score", "TOTAL", 0.3, 0.3),
        ("matches", cell, "mean", "TOTAL", 0.3, 0.3),
        ("matches", cell, "worst", "MINIMUM", -1, 0.1),
    ]


async def test_a_member_that_is_gone_makes_its_distinct_metric_differ(
    stores: Stores, aggregate: Aggregate
) -> None:
    await count(stores, played("ann"), played("bob"))
    gone = "DELETE FROM aggregate.members WHERE metric = 'active_users' AND member = %s"
    assert change(stores, gone, PSEUDONYMS.pseudonym(APP, "ann")) == 1
    differences, summary = await verify(aggregate, "activity")
    assert differences == [("activity", {}, "active_users", "MEMBERS", 1, 2)]
    assert summary == (1, 1, 0, 0)


async def test_cells_that_only_one_side_has(stores: Stores, aggregate: Aggregate) -> None:
    await count(stores, played("ann", mode="duel"))
    assert change(stores, "DELETE FROM aggregate.cells WHERE rollup = 'activity'") == 1
    assert change(stores, "DELETE FROM enrich.events") == 1
    differences, summary = await verify(aggregate, "activity", "events", "matches")
    cell = {"guild_id": "g1", "mode": "duel"}
    # Windows that had to wait for the first measurement of the watermark come last.
    assert sorted(differences, key=lambda one: (one[0], one[2])) == [
        ("events", {"name": "match.ended"}, "events", "COUNT", 1, 0),
        ("matches", cell, "matches", "COUNT", 1, 0),
        ("matches", cell, "players", "COUNT", 1, 0),
    ]
    assert summary == (2, 2, 0, 0)


async def test_a_range_takes_whole_buckets(stores: Stores, aggregate: Aggregate) -> None:
    """Three hours of one day, and the day after it."""
    later = (datetime.fromisoformat(DAY) + timedelta(days=1)).date().isoformat()
    times = [f"{DAY}T{hour}:59:59" for hour in ("08", "09", "10")] + [f"{later}T00:00:00"]
    await count(stores, *(played("ann", when) for when in times))
    rollups = "events", "activity"
    assert (await verify(aggregate, *rollups))[1] == (4 + 2, 0, 0, 0)
    # The hours 09 and 10; a day is compared whole.
    found = await verify(aggregate, *rollups, from_=f"{DAY}T09:30:00Z", to=f"{DAY}T10:30:00Z")
    assert found == ([], (2 + 1, 0, 0, 0))
    found = await verify(aggregate, *rollups, to=f"{DAY}T08:00:00Z")
    assert found == ([], (1, 0, 0, 0))


async def test_events_on_their_way_are_waited_for(stores: Stores, aggregate: Aggregate) -> None:
    """A batch is stored, and not in the stream yet: enrich forwards it while the verification waits."""
    await count(stores, played("ann"))
    entry = store(stores.database_url, played("bob"))
    assert await verify(aggregate, "activity", wait=0) == ([], (0, 0, 0, 1))
    waiting = asyncio.create_task(verify(aggregate, "activity"))
    stores.send(entry)
    assert await waiting == ([], (1, 0, 0, 0))


async def test_events_that_keep_coming_hide_no_difference(
    stores: Stores, aggregate: Aggregate
) -> None:
    """At any time a batch of another day is stored and not counted; the cell itself is left alone."""
    await count(stores, played("ann"))
    assert change(stores, "UPDATE aggregate.measures SET count = 3 WHERE metric = 'active_users'")
    day_before = (datetime.fromisoformat(DAY) - timedelta(days=1)).date().isoformat()
    entry = store(stores.database_url, played("bob", f"{day_before}T12:00:00"))
    assert (await verify(aggregate, "activity", wait=0, from_=f"{DAY}T00:00:00Z"))[0] == []
    waiting = asyncio.create_task(verify(aggregate, "activity", from_=f"{DAY}T00:00:00Z"))
    while not waiting.done():
        following = store(stores.database_url, played("bob", f"{day_before}T12:00:00"))
        stores.send(entry)
        await stores.until_drained()
        entry = following
        # So that the verification looks in between.
        await asyncio.sleep(0)
    differences, summary = await waiting
    assert differences == [("activity", {}, "active_users", "COUNT", 3, 1)]
    assert summary == (1, 1, 0, 0)


async def test_a_batch_in_quarantine_is_not_waited_for(
    stores: Stores, aggregate: Aggregate
) -> None:
    await count(stores, played("ann"))
    batch_id = new_uuid7()
    entry = store(stores.database_url, played("bob"), batch_id=batch_id)
    assert (await verify(aggregate, "activity", wait=0))[1] == (0, 0, 0, 1)
    fields: dict[Any, Any] = dict(entry)
    stores.redis.xadd("aggregate:{0}:quarantine", fields)
    differences, summary = await verify(aggregate, "activity")
    assert differences == [("activity", {}, "active_users", "COUNT", 1, 2)]
    assert summary == (1, 1, 0, 0)
    assert stores.sql(f"SELECT FROM enrich.batches WHERE batch_id = '{uuid.UUID(bytes=batch_id)}'")


@pytest.mark.parametrize(
    ("statement", "summary"),
    [
        # Events are fewer than were counted: they may have expired.
        ("DELETE FROM enrich.events WHERE subject_id = 'ann'", (0, 0, 1, 0)),
        # Fewer were counted than are stored: no expiry explains that.
        ("UPDATE aggregate.measures SET count = 1", (1, 1, 0, 0)),
        ("SELECT", (1, 0, 0, 0)),
    ],
)
async def test_buckets_whose_events_may_have_expired(
    stores: Stores, aggregate: Aggregate, statement: str, summary: tuple[int, ...]
) -> None:
    old = (datetime.now(UTC) - timedelta(days=92)).date().isoformat()
    await count(stores, played("ann", f"{old}T12:00:00"), played("bob", f"{old}T12:00:00"))
    change(stores, statement)
    assert (await verify(aggregate, "activity"))[1] == summary


async def test_a_sealed_bucket_whose_counts_are_equal_has_lost_no_event(
    stores: Stores, aggregate: Aggregate
) -> None:
    old = (datetime.now(UTC) - timedelta(days=92)).date().isoformat()
    await count(stores, played("ann", f"{old}T12:00:00", score=2))
    total = "UPDATE aggregate.measures SET total = 9 WHERE metric = 'score'"
    assert change(stores, f"{total} AND cell_id IN ({_MATCHES})") == 1
    differences, summary = await verify(aggregate, "matches")
    cell = {"guild_id": "g1", "mode": None}
    assert differences == [("matches", cell, metric, "TOTAL", 9, 2) for metric in ("score", "mean")]
    assert summary == (1, 1, 0, 0)
