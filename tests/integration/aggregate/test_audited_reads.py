"""Reads of personal data leave an entry for the audit trail, in the stream that privacy reads."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from redis import Redis
from weir.aggregate.v1 import event_query_pb2 as pb
from weir.aggregate.v1 import metric_pb2

from libs.audit import Action, Auditor
from libs.common.errors import Unavailable
from libs.rpc.audited_reads import AuditedReads
from libs.rpc.principal import CURRENT, Principal
from libs.stores.redis_client import create_redis
from libs.streams.names import AUDIT_STREAM
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.stored_events import row, store


def _entries(redis: "Redis") -> list[dict[str, Any]]:
    found: Any = redis.xrange(AUDIT_STREAM)
    return [json.loads(fields[b"entry"]) for _, fields in found]


async def test_listing_and_exporting_events_leaves_entries(
    stores: Stores, aggregate: Aggregate
) -> None:
    store(
        stores.database_url,
        [row("login", "2026-04-27T10:00:00", n, subject_id="ann") for n in "ab"],
    )
    pages = pb.ListEventsRequest(app_id=APP, page_size=1, filter='subject_id = "ann"')
    first = await aggregate.stub.ListEvents(
        pages, metadata=(("x-request-id", "req-1"),), timeout=30
    )
    pages.page_token = first.next_page_token
    await aggregate.stub.ListEvents(pages, timeout=30)
    listed = _entries(stores.redis)
    assert [(e["action"], e["app_id"], e["actor"]) for e in listed] == [
        ("events.listed", APP, "no token")
    ] * 2
    assert [e["request_id"] for e in listed] == ["req-1", ""]
    # The filter names a person, and is in no entry.
    assert "ann" not in json.dumps(listed)
    for without in (True, False):
        request = pb.ExportEventsRequest(
            app_id=APP, format=pb.EXPORT_FORMAT_CSV, without_personal_data=without
        )
        assert [answer async for answer in aggregate.stub.ExportEvents(request, timeout=30)]
    [exported] = _entries(stores.redis)[2:]
    assert exported["action"] == "events.exported"
    assert exported["details"] == {"format": "EXPORT_FORMAT_CSV", "resumed": False}


async def test_what_is_wrong_leaves_no_entry(stores: Stores, aggregate: Aggregate) -> None:
    for request in (
        pb.ListEventsRequest(app_id="no such app"),
        pb.ListEventsRequest(app_id=APP, filter="("),
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await aggregate.stub.ListEvents(request, timeout=30)
    with pytest.raises(grpc.aio.AioRpcError):
        async for _ in aggregate.stub.ExportEvents(
            pb.ExportEventsRequest(app_id=APP, filter="("), timeout=30
        ):
            pass
    assert _entries(stores.redis) == []


async def test_without_the_trail_nothing_personal_is_answered() -> None:
    class Context:
        def invocation_metadata(self) -> tuple[()]:
            return ()

    # Port 1 is no Redis.
    away = create_redis("redis://127.0.0.1:1")
    reads = AuditedReads(away, Auditor(PSEUDONYMS, FixedClock.of_us()))
    CURRENT.set(Principal("a token", frozenset()))
    with pytest.raises(Unavailable, match="the audit trail cannot be written"):
        await reads.note(Action.EVENTS_LISTED, APP, Context())
    await away.aclose()


async def test_a_question_about_one_person_leaves_an_entry_about_the_pseudonym(
    stores: Stores, start: Callable[[], Awaitable[Aggregate]]
) -> None:
    with (stores.settings.catalogs / f"{APP}.yaml").open("a") as catalog:
        catalog.write("metrics: {streak: {streak: activity.active_users}}\n")
    aggregate = await start()
    await aggregate.stub.GetMetric(
        metric_pb2.GetMetricRequest(app_id=APP, metric="streak", subject_id="ann"), timeout=30
    )
    [entry] = _entries(stores.redis)
    assert (entry["action"], entry["details"]) == ("numbers.person_read", {"metric": "streak"})
    assert entry["subject"] == PSEUDONYMS.pseudonym(APP, "ann")
    assert "ann" not in json.dumps(entry)
