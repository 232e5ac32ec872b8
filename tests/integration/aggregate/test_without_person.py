"""Behaviour queries after an upgrade, while older events have no person."""

from collections.abc import Awaitable, Callable

import psycopg
from weir.aggregate.v1 import behaviour_pb2 as pb
from weir.aggregate.v1 import reliability_pb2

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.stored_events import row, store

DAY = "2026-03-02"
FINAL = reliability_pb2.COMPLETENESS_FINAL
PROVISIONAL = reliability_pb2.COMPLETENESS_PROVISIONAL


async def _funnel(aggregate: Aggregate, day: int = 2) -> tuple[int, int, str]:
    request = pb.QueryFunnelRequest(app_id=APP, steps=[pb.Step(name="match.ended")])
    getattr(request.time.between, "from").FromJsonString(f"2026-03-{day:02}T00:00:00Z")
    request.time.between.to.FromJsonString(f"2026-03-{day + 1:02}T00:00:00Z")
    request.window.FromSeconds(3_600)
    while True:
        answer = await aggregate.stub.QueryFunnel(request, timeout=30)
        found = answer.reliability
        if found.HasField("watermark"):
            break
    return answer.total.steps[0].people, found.completeness, found.cut.limit


async def test_an_answer_without_older_events_says_so(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    store(
        stores.database_url,
        [
            row("match.ended", f"{DAY}T10:00:00", subject_id="ann"),
            row("match.ended", f"{DAY}T10:00:00", subject_id="bob", person=None),
            # About no person: no job will give it one.
            row("match.ended", "2026-03-05T10:00:00"),
        ],
    )
    aggregate = await start()
    assert await _funnel(aggregate) == (1, PROVISIONAL, "person")
    assert await _funnel(aggregate, day=5) == (0, FINAL, "")
    with psycopg.connect(stores.database_url) as connection:
        connection.execute(
            "UPDATE enrich.events SET person = gen_random_uuid() WHERE person IS NULL"
        )
    assert await _funnel(aggregate) == (2, FINAL, "")
