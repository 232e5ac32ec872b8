"""Quantiles, conditions, first and last numbers: what is counted, read and verified is what was worked out by
hand, and a changed histogram or number is found."""

import uuid
from typing import Any

from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.common.v1 import event_pb2

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_verify import AT, DAY, change, count, verify
from tests.support.aggregate_batches import event
from tests.support.arena_catalog import APP


def watched(player: str, seconds: Any, when: str = AT, **properties: Any) -> event_pb2.Event:
    return event(
        "match.watched",
        when,
        player=player,
        guild="g1",
        event_id=str(uuid.uuid4()),
        properties={"seconds": seconds, **properties},
    )


async def cell(aggregate: Aggregate) -> dict[str, float]:
    """The metrics of the one cell of `watching`."""
    answer = await aggregate.stub.QueryRollup(
        pb.QueryRollupRequest(app_id=APP, rollup="watching"), timeout=60
    )
    [found] = answer.cells
    return dict(found.metrics)


async def test_new_kinds_are_counted_read_and_verified(
    stores: Stores, aggregate: Aggregate
) -> None:
    modes: list[Any] = ["live", 5, 5.0, True, "5", None, "true", {"a": 1}]
    await count(
        stores, *[watched("ann", number + 1, mode=mode) for number, mode in enumerate(modes)]
    )
    odd: list[Any] = [-1001, 0.1, -0.0, 1e300, 5e-324, 2**63, "7", None, True, 0]
    await count(stores, *[watched("bob", number, mode="live") for number in odd])
    await count(
        stores,
        watched("cid", 17, f"{DAY}T23:59:59"),
        watched("cid", 16, f"{DAY}T00:00:00"),
        event("match.cheered", AT, player="ann", guild="g1"),
        event("match.cheered", AT, player="dan", guild="g1"),
    )
    # Of the 17 numbers -1001, 0, 0, 5e-324, 0.1, 1..8, 16, 17, 2**63, 1e300 the ninth is 4, and, 0.9 times 17
    # being 15.3, the sixteenth is 2**63. Of mode live 1 and bob's seven: the fourth is 5e-324, rounded to 0.
    assert await cell(aggregate) == {
        "watched": 20,
        "special": 4 + 10,
        "people": 4,
        "cheering": 2,
        "silent": 2,
        "median": 4,
        "p90": 2.0**63,
        "live_median": 0,
        "first_seconds": 16,
        "last_seconds": 17,
    }
    assert await verify(aggregate, "watching") == ([], (1, 0, 0, 0))


async def test_a_changed_histogram_and_number_are_differences(
    stores: Stores, aggregate: Aggregate
) -> None:
    await count(stores, *[watched("ann", number) for number in (10, 20, 30)])
    bins = "UPDATE aggregate.measures SET bins = bins - %s WHERE metric = %s"
    # 10 is 1.01 in binary digits times 2 to the third: exponent 1026, significand 32.
    assert change(stores, bins, str(1026 * 128 + 32), "median") == 1
    number = """
        UPDATE aggregate.measures SET first_number = jsonb_set(first_number, '{2}', '7') WHERE metric = %s
    """
    assert change(stores, number, "median") == 1
    differences, summary = await verify(aggregate, "watching")
    guild = {"guild_id": "g1"}
    first = differences[-1][-1]
    assert differences == [
        ("watching", guild, "median", "BINS", 20, 20),
        ("watching", guild, "p90", "BINS", 30, 30),
        ("watching", guild, "first_seconds", "EDGE", 7, first),
    ]
    assert first in (10, 20, 30)
    assert summary == (1, 1, 0, 0)
