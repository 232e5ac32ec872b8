"""ListOwnEvents against real stores: all of one person's events, and no one else's."""

from typing import Any

import grpc
import pytest
from weir.aggregate.v1 import event_query_pb2 as pb

from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.arena_catalog import APP
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.rejections import reason_of
from tests.support.stored_events import row, store

ANN = PSEUDONYMS.pseudonym(APP, "ann")


async def listed(aggregate: Aggregate, subject: str, **fields: Any) -> list[list[str]]:
    """The ids of each page."""
    request = pb.ListOwnEventsRequest(app_id=APP, subject_id=subject, **fields)
    found = []
    while True:
        page = await aggregate.stub.ListOwnEvents(request, timeout=20)
        found.append([event.event_id for event in page.events])
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_named_and_anonymized_events_page_by_page(
    stores: Stores, aggregate: Aggregate
) -> None:
    store(
        stores.database_url,
        [
            row("match.ended", "2026-05-01T10:00:00", event_id="e1", subject_id="ann"),
            row("match.left", "2026-05-03T10:00:00", event_id="e3", subject_id="ann"),
            # She did not agree then: it is stored under her pseudonym.
            row("match.ended", "2026-05-02T10:00:00", event_id="e2", anonymous_id=ANN),
            row("match.ended", "2026-05-02T11:00:00", event_id="b1", subject_id="bob"),
            row("match.ended", "2026-05-02T12:00:00", event_id="n1"),
            row(
                "match.ended",
                "2026-05-02T13:00:00",
                event_id="o1",
                subject_id="ann",
                app_id="chess",
            ),
        ],
    )
    assert await listed(aggregate, "ann") == [["e3", "e2", "e1"]]
    assert await listed(aggregate, "ann", page_size=2) == [["e3", "e2"], ["e1"]]
    assert await listed(aggregate, "bob") == [["b1"]]
    # The pseudonym is no name of hers.
    assert await listed(aggregate, ANN) == [[]]
    # Each call is in the stream that privacy keeps, about her pseudonym.
    read: Any = stores.redis.xrange("privacy:{0}:audit")
    entries = [b"".join(fields.values()) for _, fields in read]
    assert len(entries) == 5
    assert sum(ANN.encode() in entry for entry in entries) == 3
    assert all(b'"events.own_listed"' in entry for entry in entries)


@pytest.mark.parametrize(
    ("app_id", "subject", "reason"),
    [
        (APP, "", ("INVALID_ARGUMENT", "ARGUMENT_INVALID", "subject_id")),
        ("none", "ann", ("NOT_FOUND", "APP_UNKNOWN", "")),
    ],
)
async def test_what_is_wrong(
    aggregate: Aggregate, app_id: str, subject: str, reason: tuple[str, str, str]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await aggregate.stub.ListOwnEvents(
            pb.ListOwnEventsRequest(app_id=app_id, subject_id=subject), timeout=20
        )
    assert reason_of(caught.value) == reason
