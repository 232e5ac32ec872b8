"""Answers fit into gRPC's own limit of 4 MiB, whatever was stored before values had a limit."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import psycopg
import pytest
from google.protobuf import json_format
from weir.aggregate.v1 import aggregate_service_pb2 as pb

from libs.common.clock import SystemClock
from libs.rpc.page_tokens import PageTokens
from services.aggregate.convert import SERVICE_NAME
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.rejections import reason_of

TIMEOUT = 60
# Below the limit of a client, by a good part of it.
LARGEST_ANSWER = 3.5 * 1024 * 1024

# A match in each of them; the mode is {mode}, an SQL expression of the number n.
ADD_CELLS = """
WITH added AS (
    INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)
    SELECT gen_random_uuid(), 'arena', 'matches', '2026-04-27Z',
           jsonb_build_object('guild_id', 'g' || lpad(n::text, 5, '0'), 'mode', {mode})
    FROM generate_series({numbers}) AS n
    RETURNING cell_id, dimensions ->> 'guild_id' AS guild
)
INSERT INTO aggregate.measures (cell_id, metric, count, version)
SELECT cell_id, 'matches', substr(guild, 2)::int, 1 FROM added
"""
# Random text, which cannot be compressed.
RANDOM = "(SELECT string_agg(md5(random()::text || m), '') FROM generate_series(1, 78125) AS m)"
# One person for each day, active on that day only.
ADD_PEOPLE = """
WITH added AS (
    INSERT INTO aggregate.cells (cell_id, app_id, rollup, bucket, dimensions)
    SELECT gen_random_uuid(), 'arena', 'activity', day AT TIME ZONE 'UTC', '{}'
    FROM generate_series(timestamp '2017-01-01', '2025-03-19', '1 day') AS day
    RETURNING cell_id, bucket
)
INSERT INTO aggregate.members (cell_id, metric, member)
SELECT cell_id, 'active_users', bucket::text FROM added
"""


def add(stores: Stores, mode: str, first: int, last: int) -> None:
    with psycopg.connect(stores.database_url) as connection:
        statement = ADD_CELLS.format(mode=mode, numbers=f"{first}, {last}")
        connection.execute(statement.encode())


async def answers(aggregate: Aggregate, **others: Any) -> AsyncIterator[pb.QueryRollupResponse]:
    """All pages of the rollup, by a client with gRPC's own limits."""
    request = pb.QueryRollupRequest(app_id=APP, rollup="matches", **others)
    while True:
        response = await aggregate.stub.QueryRollup(request, timeout=TIMEOUT)
        assert response.cells
        assert response.ByteSize() < LARGEST_ANSWER
        yield response
        if not response.next_page_token:
            return
        request.page_token = response.next_page_token


async def all_cells(aggregate: Aggregate, **others: Any) -> list[tuple[dict[str, Any], float]]:
    return [
        (json_format.MessageToDict(cell.dimensions), cell.metrics["matches"])
        async for page in answers(aggregate, **others)
        for cell in page.cells
    ]


@pytest.mark.parametrize("page_size", [0, 1, 3])
async def test_five_cells_of_2_5_mb_are_read_cut(
    stores: Stores, aggregate: Aggregate, page_size: int
) -> None:
    add(stores, "repeat('x', 2500000)", 1, 3)
    add(stores, RANDOM, 4, 4)
    add(stores, "jsonb_build_array(repeat('y', 2500000))", 5, 5)
    add(stores, "'duel'::text", 6, 7)
    # Postgres sorts by the mode first.
    found = sorted(await all_cells(aggregate, page_size=page_size), key=lambda one: one[1])
    assert [(cell["guild_id"], matches) for cell, matches in found] == [
        (f"g{number:05}", float(number)) for number in range(1, 8)
    ]
    modes = [cell["mode"] for cell, _ in found]
    assert modes[:3] == ["x" * 255 + "…"] * 3
    assert len(modes[3]) == 256
    assert modes[3].endswith("…")
    assert modes[4:] == ["…", "duel", "duel"]


async def test_a_long_value_that_a_page_has_room_for_is_read_whole(
    stores: Stores, aggregate: Aggregate
) -> None:
    add(stores, "repeat('x', 60000)", 1, 1)
    [(cell, _)] = await all_cells(aggregate)
    assert cell["mode"] == "x" * 60_000


async def test_pages_end_early_and_have_every_cell_once(
    stores: Stores, aggregate: Aggregate
) -> None:
    """2,000 cells of 4 KB each are 8 MB: at 3 MiB a page, no fewer than three pages."""
    add(stores, "repeat('m', 4000)", 1, 2_000)
    pages = [
        [cell.dimensions["guild_id"] for cell in page.cells]
        async for page in answers(aggregate, page_size=10_000)
    ]
    assert [guild for page in pages for guild in page] == [
        f"g{number:05}" for number in range(1, 2_001)
    ]
    assert len(pages) == 3


async def test_a_page_after_a_cell_that_is_gone_is_refused(
    stores: Stores, aggregate: Aggregate
) -> None:
    """The token cannot hold 2.5 MB, so it refers to the cell; to end without a word would lose cells."""
    add(stores, "repeat('x', 2500000)", 1, 2)
    request = pb.QueryRollupRequest(app_id=APP, rollup="matches", page_size=1)
    first = await aggregate.stub.QueryRollup(request, timeout=TIMEOUT)
    assert len(first.next_page_token) < 1_000
    request.page_token = first.next_page_token
    with psycopg.connect(stores.database_url) as connection:
        connection.execute("DELETE FROM aggregate.cells")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await aggregate.stub.QueryRollup(request, timeout=TIMEOUT)
    assert reason_of(refused.value) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token")


async def test_a_page_token_of_the_day_before_is_expired(aggregate: Aggregate) -> None:
    request = pb.QueryRollupRequest(app_id=APP, rollup="matches")
    tokens = PageTokens(f"/{SERVICE_NAME}/QueryRollup", Yesterday())
    request.page_token = tokens.issue(request, ["2026-04-27T00:00:00+00:00", "{}", "ab" * 16])
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await aggregate.stub.QueryRollup(request, timeout=TIMEOUT)
    assert reason_of(refused.value) == ("INVALID_ARGUMENT", "PAGE_TOKEN_EXPIRED", "page_token")


class Yesterday:
    """A clock that is 25 hours behind."""

    def now_us(self) -> int:
        return SystemClock().now_us() - 25 * 3_600 * 1_000_000


async def test_cohorts_of_3000_days_come_in_pages(stores: Stores, aggregate: Aggregate) -> None:
    """From 2017-01-01 to 2025-03-19 are 3,000 days: 4.5 million numbers of at least a byte each."""
    with psycopg.connect(stores.database_url) as connection:
        connection.execute(ADD_PEOPLE)
    request = pb.QueryCohortRetentionRequest(app_id=APP, period=pb.PERIOD_DAY)
    cohorts: list[pb.Cohort] = []
    pages = 0
    while pages == 0 or request.page_token:
        response = await aggregate.stub.QueryCohortRetention(request, timeout=TIMEOUT)
        assert response.ByteSize() < LARGEST_ANSWER
        cohorts += response.cohorts
        pages += 1
        request.page_token = response.next_page_token
    assert pages == 2
    assert [cohort.size for cohort in cohorts] == [1] * 3_000
    assert [len(cohort.active) for cohort in cohorts] == [*range(3_000, 0, -1)]
    assert all(list(cohort.active) == [1] + [0] * (len(cohort.active) - 1) for cohort in cohorts)
    assert cohorts[0].start.ToJsonString() == "2017-01-01T00:00:00Z"
    assert cohorts[-1].start.ToJsonString() == "2025-03-19T00:00:00Z"


async def test_a_page_token_of_other_cohorts_is_refused(
    stores: Stores, aggregate: Aggregate
) -> None:
    with psycopg.connect(stores.database_url) as connection:
        connection.execute(ADD_PEOPLE)
    request = pb.QueryCohortRetentionRequest(app_id=APP, period=pb.PERIOD_DAY)
    first = await aggregate.stub.QueryCohortRetention(request, timeout=TIMEOUT)
    for period, token in ((pb.PERIOD_WEEK, first.next_page_token), (pb.PERIOD_DAY, "e30=")):
        other = pb.QueryCohortRetentionRequest(app_id=APP, period=period, page_token=token)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await aggregate.stub.QueryCohortRetention(other, timeout=TIMEOUT)
        assert reason_of(refused.value) == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID", "page_token")
