"""Quantiles, conditions, first and last numbers: what is counted, read and verified is what was worked out by
hand, and a changed histogram or number is found."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

from weir.aggregate.v1 import aggregate_service_pb2 as pb
from weir.common.v1 import event_pb2

from libs.catalog import compile_catalog
from libs.stores.postgres import create_engine
from services.aggregate.results.model import ResultPeriod, result_jobs
from services.aggregate.results.postgres import PostgresResults
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_verify import AT, DAY, change, count, verify
from tests.support.aggregate_batches import event
from tests.support.arena_catalog import APP, CATALOG


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
        # Ann's eight, at the moment of her cheer.
        "avg_wait": 0,
    }
    assert await verify(aggregate, "watching") == ([], (1, 0, 0, 0))


async def test_numbers_without_a_bin_of_their_own_are_recounted_alike(
    stores: Stores, aggregate: Aggregate
) -> None:
    """The bins at the edges begin with 2**-32, (1023 - 32) * 128, and 2**64, (1023 + 64) * 128; the sign of
    a number is bit 18."""
    near = [0.5**32, -(0.5**32), 0.5**33, -1e-12, 1e-300, 0.5**32 * (1 - 0.5**53)]
    far = [2**63, 2.0**64, 1e20, -1e20, 1e300, -1e300]
    await count(stores, *[watched("ann", number) for number in near + far])
    assert stores.sql("SELECT bins FROM aggregate.measures WHERE metric = 'median'") == [
        ({"0": 4, "126848": 1, "388992": 1, "139008": 1, "139136": 3, "401280": 2},)
    ]
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


async def test_the_time_since_another_event_of_the_person_and_bucket(
    stores: Stores, aggregate: Aggregate
) -> None:
    def cheered(player: str, when: str) -> event_pb2.Event:
        return event("match.cheered", when, player=player, event_id=str(uuid.uuid4()))

    before = (date.fromisoformat(DAY) - timedelta(days=1)).isoformat()
    await count(
        stores,
        # 10 minutes, and since the second cheer 30: the third comes later.
        watched("ann", 1, f"{DAY}T08:10:00"),
        watched("ann", 1, f"{DAY}T09:30:00"),
        cheered("ann", f"{DAY}T08:00:00"),
        cheered("ann", f"{DAY}T09:00:00"),
        cheered("ann", f"{DAY}T23:00:00"),
        # 95 minutes: that the cheer is of no guild does not matter.
        cheered("bob", f"{DAY}T00:00:00"),
        watched("bob", 1, f"{DAY}T01:35:00"),
        # None of the day, and of no person.
        cheered("cid", f"{before}T23:59:00"),
        watched("cid", 1, f"{DAY}T00:01:00"),
        watched("", 1, f"{DAY}T12:00:00"),
    )
    answer = await aggregate.stub.QueryRollup(
        pb.QueryRollupRequest(app_id=APP, rollup="watching"), timeout=60
    )
    found = {one.dimensions["guild_id"]: one.metrics.get("avg_wait") for one in answer.cells}
    assert found == {"g1": 45, None: None}
    assert await _written(stores) == {"g1": 45, None: None}
    assert (await verify(aggregate, "watching"))[0] == []


async def _written(stores: Stores) -> dict[Any, Any]:
    """The same as a job writes it down, by guild."""
    catalog = compile_catalog(
        f"{CATALOG}jobs:\n  daily: {{every: day, at: '01:00', store: [watching]}}\n", "arena.yaml"
    )
    [job] = result_jobs(catalog)
    start = datetime.fromisoformat(DAY).replace(tzinfo=UTC)
    engine = create_engine(stores.settings.database_url.get_secret_value(), service="aggregate")
    try:
        await PostgresResults(engine).write(
            job, ResultPeriod(start, start + timedelta(days=1)), watermark=None, is_final=False
        )
    finally:
        await engine.dispose()
    rows = stores.sql("SELECT dimensions, metrics FROM aggregate.result_cells")
    return {dimensions["guild_id"]: metrics.get("avg_wait") for dimensions, metrics in rows}
