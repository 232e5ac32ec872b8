"""The numbers of changes: given after the commit, in one order for all watchers."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from libs.stores.postgres import create_engine
from services.privacy.consent.model import Recorded, Subject
from services.privacy.consent.postgres import PostgresConsentStore, PostgresConsentTransaction
from tests.support.clocks import NOW_US
from tests.support.consents import recording

ANN, BOB, EVE = (Subject("chess", name) for name in ("ann", "bob", "eve"))


@pytest.fixture
async def store(role_url: Callable[[str], str]) -> AsyncIterator[PostgresConsentStore]:
    engine = create_engine(role_url("weir_privacy"), service="privacy", pool_size=3)
    yield PostgresConsentStore(engine, 20)
    await engine.dispose()


async def _write(transaction: PostgresConsentTransaction, subject: Subject) -> None:
    recorded = Recorded(await transaction.next_version(), NOW_US)
    await transaction.record(recording(subject, telemetry=True, mail=False), recorded)


async def _record(store: PostgresConsentStore, subject: Subject) -> None:
    async with store.transaction(subject) as transaction:
        await _write(transaction, subject)


async def _numbered(store: PostgresConsentStore, through: int) -> list[tuple[int, str, int]]:
    """Number, person and how many choices, of each change."""
    changes = await store.changes("chess", 0, through)
    return [(one.number, one.subject_id, len(one.entries)) for one in changes]


async def test_a_recording_commits_while_another_one_of_its_app_is_open(
    store: PostgresConsentStore,
) -> None:
    """Eve's has drawn the lower version, and comes later all the same: the number that a watcher has seen
    stays the last one until then."""
    async with store.transaction(EVE) as open_transaction:
        await _write(open_transaction, EVE)
        await _record(store, BOB)
        assert await store.newest() == {"chess": 1}
    assert await store.newest() == {"chess": 2}
    assert await _numbered(store, 2) == [(1, "bob", 2), (2, "eve", 2)]


async def test_recordings_one_after_the_other_are_numbered_in_this_order(
    store: PostgresConsentStore,
) -> None:
    for subject in (EVE, ANN, BOB, ANN, Subject("go", "eve")):
        await _record(store, subject)
    assert await store.newest() == {"chess": 4, "go": 1}
    assert await _numbered(store, 4) == [(1, "eve", 2), (2, "ann", 2), (3, "bob", 2), (4, "ann", 2)]
    # Nothing is numbered again.
    assert await store.newest() == {"chess": 4, "go": 1}


async def test_two_processes_that_number_at_once_give_each_number_once(
    store: PostgresConsentStore, role_url: Callable[[str], str]
) -> None:
    engine = create_engine(role_url("weir_privacy"), service="privacy", pool_size=3)
    other = PostgresConsentStore(engine, 20)
    for _ in range(10):
        await asyncio.gather(
            _record(store, ANN), _record(store, BOB), store.newest(), other.newest()
        )
    await store.newest()
    await engine.dispose()
    assert [number for number, _, _ in await _numbered(store, 20)] == [*range(1, 21)]
