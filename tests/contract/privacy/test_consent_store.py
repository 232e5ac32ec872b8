"""What every `ports.ConsentStore` promises: Postgres, and the fake that tests of the decisions use."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from libs.common.errors import Unavailable
from libs.consent import Choice, ConsentState, Restriction, Status
from libs.consent.keys import erased_id
from libs.stores.postgres import create_engine
from services.privacy.consent.model import (
    BEGINNING,
    ActorRole,
    HistoryCursor,
    HistoryEntry,
    Recorded,
    Recording,
    StoredState,
    Subject,
)
from services.privacy.consent.ports import ConsentStore
from services.privacy.consent.postgres import PostgresConsentStore
from tests.support.clocks import NOW_US
from tests.support.consents import recording, statuses
from tests.support.privacy_fakes import MemoryConsentStore

ANN, BOB = Subject("chess", "ann"), Subject("chess", "bob")


@pytest.fixture(params=["memory", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[ConsentStore]:
    if request.param == "memory":
        yield MemoryConsentStore([])
        return
    role_url = request.getfixturevalue("role_url")
    engine = create_engine(role_url("weir_privacy"), service="privacy", pool_size=3)
    yield PostgresConsentStore(engine, 20)
    await engine.dispose()


async def _record(store: ConsentStore, subject: Subject, **choices: bool) -> int:
    """Records choices; returns their version."""
    async with store.transaction(subject) as transaction:
        version = await transaction.next_version()
        said = recording(subject, **choices)
        await transaction.record(said, Recorded(version, NOW_US + version))
    return version


def _state(version: int, **choices: bool) -> ConsentState:
    """What `_record` leaves."""
    return ConsentState(version, _choices(version, choices))


def _choices(version: int, choices: Mapping[str, bool]) -> dict[str, Choice]:
    return {
        purpose: Choice(status, version, NOW_US + version)
        for purpose, status in statuses(choices).items()
    }


async def test_states_are_read_in_the_order_asked(store: ConsentStore) -> None:
    ann, bob = await _record(store, ANN, telemetry=True), await _record(store, BOB, mail=False)
    await _record(store, Subject("go", "eve"), telemetry=True)
    one, two = _state(ann, telemetry=True), _state(bob, mail=False)
    assert await store.read("chess", ["bob", "eve", "ann", "bob"]) == [two, None, one, two]
    assert await store.read("chess", []) == []


async def test_choices_add_to_earlier_ones(store: ConsentStore) -> None:
    first = await _record(store, ANN, telemetry=True, mail=True)
    second = await _record(store, ANN, telemetry=False)
    assert second > first
    assert await store.read("chess", ["ann"]) == [
        ConsentState(
            second,
            {**_choices(first, {"mail": True}), **_choices(second, {"telemetry": False})},
        )
    ]


async def test_a_restriction_is_beside_the_choices_and_has_its_history(store: ConsentStore) -> None:
    first = await _record(store, ANN, telemetry=True)
    versions = []
    for restricts in (True, False, True):
        async with store.transaction(ANN) as transaction:
            versions.append(version := await transaction.next_version())
            said = Recording(ANN, {}, "op", "contested", "", "privacy", restricts=restricts)
            await transaction.record(said, Recorded(version, NOW_US + version))
        [state] = await store.read("chess", ["ann"])
        restriction = Restriction(version, NOW_US + version) if restricts else None
        choices = _choices(first, {"telemetry": True})
        assert state == ConsentState(version, choices, restriction=restriction)
    assert await store.page("chess", "", 10) == [("ann", state)]
    entries = (await store.history(ANN, BEGINNING, 10))[1:]
    assert [(entry.version, entry.status, entry.restricts, entry.method) for entry in entries] == [
        (versions[0], None, True, "contested"),
        (versions[1], None, False, "contested"),
        (versions[2], None, True, "contested"),
    ]


async def test_the_newest_no_is_found_that_an_erasure_kept(store: ConsentStore) -> None:
    persons = ["1" * 32, "2" * 32]
    async with store.transaction(ANN) as transaction:
        assert await transaction.kept_denial(persons) is None
    kept = [erased_id(person) for person in persons]
    for stands_for in reversed(kept):
        newest = await _record(store, Subject("chess", stands_for), telemetry=False)
    await _record(store, Subject("go", kept[1]), telemetry=False)
    async with store.transaction(ANN) as transaction:
        assert await transaction.kept_denial(persons) == (kept[0], _state(newest, telemetry=False))
        assert await transaction.kept_denial(["3" * 32]) is None
        assert await transaction.state() is None


async def test_a_transaction_sees_what_it_has_recorded_and_others_do_not(
    store: ConsentStore,
) -> None:
    async with store.transaction(ANN) as transaction:
        assert await transaction.state() is None
        version = await transaction.next_version()
        said = recording(ANN, telemetry=True)
        await transaction.record(said, Recorded(version, NOW_US + version))
        assert await transaction.state() == _state(version, telemetry=True)
        assert await store.read("chess", ["ann"]) == [None]
    assert await store.read("chess", ["ann"]) != [None]


async def test_an_exception_undoes_what_was_recorded(store: ConsentStore) -> None:
    async def fail() -> None:
        async with store.transaction(ANN) as transaction:
            said = recording(ANN, telemetry=True)
            await transaction.record(said, Recorded(await transaction.next_version(), NOW_US))
            raise ValueError("stop")

    with pytest.raises(ValueError, match=r"^stop$"):
        await fail()
    assert await store.read("chess", ["ann"]) == [None]
    assert await store.history(ANN, BEGINNING, 10) == []
    assert await store.page("chess", "", 10) == []


async def test_versions_are_new_and_higher_than_asked(store: ConsentStore) -> None:
    versions = []
    for above in (0, 0, 1_000, 0, 5):
        async with store.transaction(ANN) as transaction:
            versions.append(await transaction.next_version(above))
    assert versions == sorted(set(versions))
    assert versions[2] > 1_000
    async with store.transaction(BOB) as transaction:
        assert await transaction.next_version() not in versions


async def test_one_writer_at_a_time_has_a_subject(store: ConsentStore) -> None:
    """The second one sees what the first one records, however early it came."""
    begun = asyncio.Event()
    seen: list[ConsentState | None] = []

    async def second() -> None:
        begun.set()
        async with store.transaction(ANN) as transaction:
            seen.append(await transaction.state())

    async with store.transaction(ANN) as transaction:
        task = asyncio.create_task(second())
        await begun.wait()
        # Another subject's writer does not wait.
        await _record(store, BOB, telemetry=True)
        assert seen == []
        version = await transaction.next_version()
        said = recording(ANN, telemetry=True)
        await transaction.record(said, Recorded(version, NOW_US + version))
    await task
    assert seen == [_state(version, telemetry=True)]


async def test_writers_that_have_begun_are_waited_for(store: ConsentStore) -> None:
    begun = asyncio.Event()

    async def waiter() -> list[ConsentState | None]:
        begun.set()
        await store.wait_for_writers("chess")
        return list(await store.read("chess", ["ann"]))

    async with store.transaction(ANN) as transaction:
        task = asyncio.create_task(waiter())
        await begun.wait()
        # Those of another app are not.
        await store.wait_for_writers("go")
        version = await transaction.next_version()
        said = recording(ANN, telemetry=True)
        await transaction.record(said, Recorded(version, NOW_US + version))
    assert await task == [_state(version, telemetry=True)]


async def test_pages_have_every_subject_of_an_app_once(store: ConsentStore) -> None:
    names = ["ann", "Bob", "bob", "é", "a b", "zoë", "1", "10", "2"]
    versions = {name: await _record(store, Subject("chess", name), a=True) for name in names}
    await _record(store, Subject("go", "eve"), a=True)
    for limit in (1, 2, 4, 9, 10):
        found: list[StoredState] = []
        after = ""
        while page := await store.page("chess", after, limit):
            assert len(page) <= limit
            found += page
            after = page[-1][0]
        assert len(found) == len(names)
        assert dict(found) == {name: _state(version, a=True) for name, version in versions.items()}


async def test_the_history_comes_oldest_first_behind_its_cursor(store: ConsentStore) -> None:
    one = await _record(store, ANN, telemetry=True, mail=False)
    await _record(store, BOB, telemetry=False)
    two = await _record(store, ANN, telemetry=False)
    entries = [
        HistoryEntry(
            version, purpose, status, "ann", "test", "1", NOW_US + version, replaced_at_us=replaced
        )
        for version, purpose, status, replaced in (
            (one, "mail", Status.DENIED, None),
            (one, "telemetry", Status.GRANTED, NOW_US + two),
            (two, "telemetry", Status.DENIED, None),
        )
    ]
    assert await store.history(ANN, BEGINNING, 10) == entries
    assert await store.history(ANN, BEGINNING, 2) == entries[:2]
    assert await store.history(ANN, HistoryCursor(one, "mail"), 10) == entries[1:]
    assert await store.history(ANN, HistoryCursor(two, "telemetry"), 10) == []


async def test_all_that_a_recording_says_is_kept(store: ConsentStore) -> None:
    ends = NOW_US + 5
    said = Recording(
        ANN,
        {"telemetry": Status.GRANTED, "mail": Status.WITHDRAWN, "profile": Status.OBJECTED},
        actor="bob",
        method="phone",
        notice_version="3",
        source="crm",
        actor_role=ActorRole.OPERATOR,
        expires_at_us=ends,
    )
    async with store.transaction(ANN) as transaction:
        version = await transaction.next_version()
        await transaction.record(said, Recorded(version, NOW_US))
    # Only a grant ends.
    ends_of = {"telemetry": ends, "mail": None, "profile": None}
    assert await store.read("chess", ["ann"]) == [
        ConsentState(
            version,
            {
                purpose: Choice(status, version, NOW_US, ends_of[purpose])
                for purpose, status in said.choices.items()
            },
        )
    ]
    entries = await store.history(ANN, BEGINNING, 10)
    assert list(entries) == [
        HistoryEntry(
            version, purpose, said.choices[purpose], "bob", "phone", "3", NOW_US,
            "crm", ActorRole.OPERATOR, ends_of[purpose],
        )
        for purpose in sorted(said.choices)
    ]  # fmt: skip


async def test_an_age_band_is_kept_beside_the_choices(store: ConsentStore) -> None:
    before = await _record(store, ANN, telemetry=True)

    async def set_band(band: str) -> int:
        async with store.transaction(ANN) as transaction:
            version = await transaction.next_version()
            said = Recording(
                ANN, {}, "eve", "form", "", actor_role=ActorRole.GUARDIAN, age_band=band
            )
            await transaction.record(said, Recorded(version, NOW_US + version))
        return version

    first, second = await set_band("under_13"), await set_band("adult")
    choices = _choices(before, {"telemetry": True})
    assert await store.read("chess", ["ann"]) == [ConsentState(second, choices, "adult")]
    assert await store.page("chess", "", 10) == [("ann", ConsentState(second, choices, "adult"))]
    found = [
        (entry.version, entry.purpose, entry.status, entry.age_band, entry.replaced_at_us)
        for entry in await store.history(ANN, HistoryCursor(before, "telemetry"), 10)
    ]
    assert found == [
        (first, "", None, "under_13", NOW_US + second),
        (second, "", None, "adult", None),
    ]


async def test_a_guardians_grant_is_known_as_one(store: ConsentStore) -> None:
    choices = {"telemetry": Status.GRANTED, "mail": Status.DENIED}
    said = Recording(ANN, choices, "eve", "form", "1", actor_role=ActorRole.GUARDIAN)
    async with store.transaction(ANN) as transaction:
        version = await transaction.next_version()
        await transaction.record(said, Recorded(version, NOW_US))
    [state] = await store.read("chess", ["ann"])
    assert state is not None
    assert {purpose: one.by_guardian for purpose, one in state.choices.items()} == {
        "telemetry": True,
        "mail": False,
    }


@pytest.mark.parametrize("kind", ["memory", "postgres"])
async def test_a_store_that_cannot_be_reached_is_unavailable(kind: str) -> None:
    if kind == "memory":
        memory = MemoryConsentStore([])
        memory.down = True
        store: ConsentStore = memory
    else:
        # Port 1 is no Postgres.
        engine = create_engine("postgresql://weir@127.0.0.1:1/weir", service="privacy")
        store = PostgresConsentStore(engine, 20)

    async def enter() -> None:
        async with store.transaction(ANN) as transaction:
            await transaction.state()

    for call in (
        enter(),
        store.read("chess", ["ann"]),
        store.page("chess", "", 1),
        store.history(ANN, BEGINNING, 1),
        store.wait_for_writers("chess"),
    ):
        with pytest.raises(Unavailable):
            await call
