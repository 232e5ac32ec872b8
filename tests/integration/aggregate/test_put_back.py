"""After an erasure nothing of the person counts again that an operator puts back from quarantine."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from weir.privacy.v1 import subject_data_service_pb2 as pb
from weir.privacy.v1 import subject_data_service_pb2_grpc as pb_grpc

from libs.common.pseudonym import Pseudonymizer
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.integration.aggregate.test_changed_catalogs import Start, write
from tests.integration.aggregate.test_recount import COUNTED
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP, CATALOG
from tests.support.pseudonyms import PSEUDONYM_KEY

NOW = datetime.now(UTC)
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
