"""After an erasure nothing of the person counts again that an operator puts back from quarantine."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import subject_data_service_pb2 as pb
from weir.privacy.v1 import subject_data_service_pb2_grpc as pb_grpc

from libs.common.pseudonym import Pseudonymizer
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_changed_catalogs import NEW_EVENT, Start, write
from tests.integration.aggregate.test_recount import COUNTED
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP, CATALOG
from tests.support.pseudonyms import PSEUDONYM_KEY
from tests.support.waiting import until

NOW = datetime.now(UTC)
QUARANTINE = "aggregate:{0}:quarantine"
# A law keeps who has left.
LAW = (
    CATALOG.replace(
        "events:\n",
        "  law: {producers: [server], retention: {raw: keep, aggregate: keep}}\nevents:\n",
        1,
    ).replace("  match.left:\n    category: play\n", "  match.left:\n    category: law\n", 1)
    + "erasure: {keep: {law: {because: it says so}}}\n"
)


@pytest.fixture
def persons() -> Sequence[str]:
    """Ann's, as of the second epoch."""
    return Pseudonymizer(PSEUDONYM_KEY.encode(), epoch=2).all_epochs(APP, "ann")


async def test_what_is_behind_the_fence_does_not_count(
    stores: Stores, start: Start, persons: Sequence[str]
) -> None:
    write(stores, LAW)
    # The epoch has been raised since the person was erased.
    stores.settings = stores.settings.model_copy(update={"pseudonym_epoch": 3})
    aggregate = await start()
    now, before = _text(NOW), _text(NOW - timedelta(days=1))
    put_back = [
        event(when=before, player="ann"),
        # Under the pseudonym of another epoch, as ingest leaves an event without consent.
        event(when=before, pseudonym=persons[0]),
        event(when=before, player="bob"),
        event("match.left", when=before, player="ann"),
    ]
    # Counted before there is a fence.
    stores.send(entry(event(when=before, player="cat"), received_at_us=_us(NOW)))
    await stores.until_drained()
    assert stores.sql(COUNTED) == [(1,)]

    await _fence(aggregate, persons, NOW)
    stores.send(entry(*put_back, received_at_us=_us(NOW)))
    # Her clock is ahead: what was received before the fence is behind it.
    stores.send(
        entry(event(when=_text(NOW + timedelta(days=1)), player="ann"), received_at_us=_us(NOW))
    )
    await stores.until_drained()
    assert not stores.redis.exists("aggregate:{0}:quarantine")
    # Of cat, of bob, and what a law keeps.
    assert stores.sql(COUNTED) == [(3,)]

    # She comes back: what occurs later counts, in the same app and process.
    later = NOW + timedelta(minutes=5)
    stores.send(entry(event(when=_text(later), player="ann"), received_at_us=_us(later)))
    stores.send(entry(event(when=now, player="dan"), received_at_us=_us(NOW)))
    await stores.until_drained()
    assert stores.sql(COUNTED) == [(5,)]


async def test_an_erasure_makes_up_for_a_fence_that_an_older_process_did_not_set(
    stores: Stores, aggregate: Aggregate, persons: Sequence[str]
) -> None:
    """During an upgrade: its fence step was answered by a release without fences of counting."""
    epoch = "SELECT epoch FROM aggregate.recount_epoch"
    await erased(aggregate, "ann", persons, NOW)
    fenced = stores.sql(
        "SELECT person::text FROM aggregate.fences WHERE fenced_at = %(at)s", {"at": NOW}
    )
    assert {person.replace("-", "") for (person,) in fenced} == set(persons)
    at_once = stores.sql(epoch)
    # What was put back, and another's.
    before = _text(NOW - timedelta(days=1))
    put_back = [event(when=before, player=player) for player in ("ann", "bob")]
    stores.send(entry(*put_back, received_at_us=_us(NOW)))
    await stores.until_drained()
    assert stores.sql(COUNTED) == [(1,)]
    # Where the fence is, an erasure does not stop counting for it again.
    await erased(aggregate, "ann", persons, NOW)
    assert stores.sql(epoch) == at_once


async def test_an_erasure_takes_the_person_out_of_quarantine(
    stores: Stores, aggregate: Aggregate, persons: Sequence[str]
) -> None:
    before = _text(NOW - timedelta(days=1))
    # Of a name that the catalog does not have, so the batch cannot be counted.
    won = [event("match.won", before, player=player) for player in ("bob", "ann", "cat", "eve")]
    countries = ["PT", "DE", "FR", ""]
    stores.send(entry(*won, skipped=[3], countries=countries, received_at_us=_us(NOW)))
    stores.send(entry(event("match.won", before, player="ann"), received_at_us=_us(NOW)))
    await until(lambda: stores.redis.xlen(QUARANTINE) == 2)

    await _fence(aggregate, persons, NOW)
    rows = await erased(aggregate, "ann", persons, NOW)
    assert rows["aggregate.quarantine"] == 2
    found = cast(list[tuple[bytes, dict[bytes, bytes]]], stores.redis.xrange(QUARANTINE))
    [(_, fields)] = found
    assert b"ann" not in fields[b"batch"]

    write(stores, NEW_EVENT.replace("wins: count}", "wins: count}, dimensions: [country]"))
    await until(lambda: stores.sql("SELECT 1 FROM aggregate.rollups WHERE rollup = 'wins'"))
    # As an operator puts it back.
    stores.send({b"batch": fields[b"batch"], b"trace": b""})
    await stores.until_drained()
    counted = stores.sql(
        "SELECT dimensions ->> 'country', count::int FROM aggregate.cells"
        " JOIN aggregate.measures USING (cell_id) WHERE rollup = 'wins' ORDER BY 1"
    )
    # The others with their own countries, and what was not stored is still skipped.
    assert counted == [("FR", 1), ("PT", 1)]


async def erased(
    aggregate: Aggregate, subject_id: str, persons: Sequence[str], moment: datetime
) -> dict[str, int]:
    """How much an erasure has erased, by store."""
    request = pb.EraseSubjectRequest(
        app_id=APP, subject_id=subject_id, persons=persons, request_id=str(uuid.uuid4())
    )
    request.fenced_at.FromDatetime(moment)
    async with grpc.aio.insecure_channel(aggregate.address) as channel:
        while True:
            stub = pb_grpc.SubjectDataServiceStub(channel)
            answer = await stub.EraseSubject(request, timeout=20)
            if answer.done:
                return {each.store: each.erased for each in answer.stores}


async def _fence(aggregate: Aggregate, persons: Sequence[str], moment: datetime) -> None:
    fenced_at = Timestamp()
    fenced_at.FromDatetime(moment)
    async with grpc.aio.insecure_channel(aggregate.address) as channel:
        await pb_grpc.SubjectDataServiceStub(channel).Fence(
            pb.FenceRequest(app_id=APP, subject_id="ann", persons=persons, fenced_at=fenced_at),
            timeout=20,
        )


def _text(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat()


def _us(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
