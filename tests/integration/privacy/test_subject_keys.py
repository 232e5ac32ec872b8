"""The keys of people in a real Postgres: made once, given to services, destroyed for good."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.privacy.v1 import audit_service_pb2 as audit_pb
from weir.privacy.v1 import subject_key_service_pb2 as pb
from weir.privacy.v1 import subject_key_service_pb2_grpc

from libs.audit import Auditor
from libs.common.clock import EPOCH
from libs.common.subject_data import KeptKey, SubjectRef
from libs.sealing import DataKey, Place
from libs.sealing.keyring import LocalKeyring, read_wrapping_keys
from libs.stores.postgres import create_engine
from services.privacy.sealing.kept import KeptKeys
from services.privacy.sealing.keys import Keys
from services.privacy.sealing.postgres import (
    PostgresKeyStore,
    destroy_keys,
    erase_keys,
    retire_keys,
)
from services.privacy.sealing.rewrapping import Rewrapping
from services.privacy.sealing.rotation import KeyAge, KeyRotation
from services.privacy.sealing.rows import OpenedRows
from tests.integration.privacy.conftest import APP, PURPOSE, Privacy
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.rejections import reason_of
from tests.support.waiting import until
from tests.support.wrapping_keys import WRAPPING_KEYS, WRAPPING_SECRET

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)


def us(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@pytest.fixture
async def engine(role_url: Callable[[str], str]) -> AsyncIterator[AsyncEngine]:
    """As the service's own role."""
    made = create_engine(role_url("weir_privacy"), service="test")
    yield made
    await made.dispose()


@pytest.fixture
async def stub(starting: Privacy) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(starting.address) as channel:
        yield subject_key_service_pb2_grpc.SubjectKeyServiceStub(channel)


async def sealing_keys(
    stub: Any, people: Iterable[UUID], latest: datetime = NOON, app_id: str = APP
) -> list[pb.SealingKey]:
    wanted = [
        pb.PersonToSeal(person=person.bytes, latest_occurred_at_us=us(latest)) for person in people
    ]
    request = pb.GetSealingKeysRequest(app_id=app_id, people=wanted)
    return list((await stub.GetSealingKeys(request, timeout=20)).keys)


async def opening_keys(stub: Any, *key_ids: bytes, app_id: str = APP) -> dict[bytes, bytes]:
    request = pb.GetOpeningKeysRequest(
        app_id=app_id, key_ids=key_ids, purpose=PURPOSE, actor="read token"
    )
    response = await stub.GetOpeningKeys(request, timeout=20)
    return {key.key_id: key.secret for key in response.keys}


async def destroy(engine: AsyncEngine, *people: UUID, at: datetime = NOON) -> int:
    async with engine.begin() as connection:
        return await destroy_keys(connection, APP, people, at)


async def test_each_person_of_an_app_has_one_key(stub: Any) -> None:
    [ann, bob] = await sealing_keys(stub, [ANN, BOB])
    assert {len(ann.key_id), len(bob.key_id)} == {16}
    assert {len(ann.secret), len(bob.secret)} == {32}
    assert ann.secret != bob.secret
    assert list(await sealing_keys(stub, [BOB, ANN])) == [bob, ann]
    [elsewhere] = await sealing_keys(stub, [ANN], app_id="chess")
    assert elsewhere.secret != ann.secret
    assert await opening_keys(stub, ann.key_id, bob.key_id, elsewhere.key_id) == {
        ann.key_id: ann.secret,
        bob.key_id: bob.secret,
    }


async def test_callers_at_the_same_time_get_the_same_key(stub: Any) -> None:
    people = [uuid4() for _ in range(50)]
    answers = await asyncio.gather(*(sealing_keys(stub, people) for _ in range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert len({key.secret for key in answers[0]}) == 50


async def test_the_database_has_wrapped_keys_only(stub: Any, database_url: str) -> None:
    [key] = await sealing_keys(stub, [ANN])
    with psycopg.connect(database_url) as connection:
        [(key_id, wrapped, wrapping_key_id)] = connection.execute(
            "SELECT key_id, wrapped_key, wrapping_key_id FROM privacy.subject_keys"
        ).fetchall()
    assert (key_id.bytes, wrapping_key_id) == (key.key_id, "test")
    assert key.secret not in wrapped
    row = b"weir/subject_key/v1\x00" + APP.encode() + b"\x00" + ANN.bytes + key.key_id
    assert AESGCM(WRAPPING_SECRET).decrypt(wrapped[:12], wrapped[12:], row) == key.secret


async def test_a_destroyed_key_opens_nothing_and_is_not_made_anew(
    stub: Any, engine: AsyncEngine
) -> None:
    [ann, bob] = await sealing_keys(stub, [ANN, BOB])
    assert await destroy(engine, ANN) == 1
    assert await opening_keys(stub, ann.key_id, bob.key_id) == {bob.key_id: bob.secret}
    [late] = await sealing_keys(stub, [ANN], NOON)
    assert (late.key_id, late.secret, late.destroyed_at_us) == (b"", b"", us(NOON))
    # What the person does afterwards is sealed with another key.
    [new] = await sealing_keys(stub, [ANN], NOON + timedelta(microseconds=1))
    assert new.key_id not in (b"", ann.key_id)
    assert new.secret not in (b"", ann.secret)
    assert new.destroyed_at_us == us(NOON)


async def test_a_retired_key_opens_and_seals_no_more_and_only_it_is_destroyed(
    stub: Any, engine: AsyncEngine
) -> None:
    later = NOON + timedelta(microseconds=1)
    [ann] = await sealing_keys(stub, [ANN])
    subject = SubjectRef(APP, "ann", (ANN.hex, BOB.hex))
    async with engine.begin() as connection:
        assert await retire_keys(connection, subject, NOON) == 1
        # Who asks now, because a key was retired, does not get the one of before.
        asked = asyncio.create_task(sealing_keys(stub, [ANN, BOB], later))
        assert not (await asyncio.wait([asked], timeout=0.3))[0]
    [new, of_bob] = await asked
    assert new.key_id not in (b"", ann.key_id)
    assert new.destroyed_at_us == of_bob.destroyed_at_us == us(NOON)
    [late] = await sealing_keys(stub, [ANN], NOON)
    assert (late.key_id, late.destroyed_at_us) == (new.key_id, us(NOON))
    both = {ann.key_id: ann.secret, new.key_id: new.secret}
    assert await opening_keys(stub, *both) == both

    async with engine.begin() as connection:
        assert await destroy_keys(connection, APP, [ANN, BOB], NOON, only_retired=True) == 1
    assert await opening_keys(stub, *both) == {new.key_id: new.secret}
    assert await sealing_keys(stub, [ANN, BOB], later) == [new, of_bob]


async def test_a_person_without_a_key_gets_none_for_the_past(
    stub: Any, engine: AsyncEngine
) -> None:
    assert await destroy(engine, ANN, BOB) == 0
    # Again, as after a crash.
    assert await destroy(engine, ANN, BOB) == 0
    assert [key.key_id for key in await sealing_keys(stub, [ANN, BOB])] == [b"", b""]


async def test_no_key_is_made_beside_a_destruction(stub: Any, engine: AsyncEngine) -> None:
    """Whichever comes first: a key that is made is destroyed, or none is made."""
    people = [uuid4() for _ in range(30)]
    await asyncio.gather(
        *(sealing_keys(stub, [person]) for person in people),
        *(destroy(engine, person) for person in people),
    )
    assert {key.key_id for key in await sealing_keys(stub, people)} == {b""}


async def test_a_destroyed_key_cannot_be_brought_back(
    stub: Any, engine: AsyncEngine, database_url: str
) -> None:
    await sealing_keys(stub, [ANN])
    await destroy(engine, ANN)
    for statement in (
        "UPDATE privacy.subject_keys SET wrapped_key = 'x', wrapping_key_id = 'x', destroyed_at = NULL",
        "DELETE FROM privacy.subject_keys",
    ):
        # Not even by the owner of the table.
        with (
            psycopg.connect(database_url) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="stays so"),
        ):
            connection.execute(statement)


async def test_opening_leaves_an_entry_in_the_audit_trail(stub: Any, privacy: Privacy) -> None:
    [ann, bob] = await sealing_keys(stub, [ANN, BOB])
    await opening_keys(stub, ann.key_id, bob.key_id, uuid4().bytes)
    request = audit_pb.ListEntriesRequest(app_id=APP, action="sealed.opened")
    [entry] = (await privacy.audit.ListEntries(request, timeout=20)).entries
    assert (entry.purpose, entry.outcome, entry.subject) == (PURPOSE, "done", "")
    assert entry.details == '{"for": "read token", "people": 2}'


@pytest.mark.parametrize(
    ("call", "fields", "field"),
    [
        ("GetSealingKeys", {"people": [{"person": b"short"}]}, "people.person"),
        ("GetSealingKeys", {"people": [{"person": bytes(16)}] * 2}, "people"),
        (
            "GetSealingKeys",
            {"people": [{"person": bytes(16), "latest_occurred_at_us": 2**62}]},
            "people.latest_occurred_at_us",
        ),
        ("GetOpeningKeys", {"key_ids": [b"short"]}, "key_ids"),
        ("GetOpeningKeys", {"purpose": ""}, "purpose"),
        ("GetOpeningKeys", {"purpose": "telemetri"}, "purpose"),
        ("GetOpeningKeys", {"actor": ""}, "actor"),
    ],
)
async def test_what_is_wrong_with_a_request_is_named(
    stub: Any, call: str, fields: dict[str, Any], field: str
) -> None:
    given = {"app_id": APP}
    if call == "GetOpeningKeys":
        given |= {"purpose": PURPOSE, "actor": "a"}
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await getattr(stub, call)(getattr(pb, f"{call}Request")(**given | fields), timeout=20)
    assert reason_of(raised.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", field)


async def test_the_status_counts_keys_by_the_one_that_wraps_them(
    stub: Any, engine: AsyncEngine
) -> None:
    await sealing_keys(stub, [ANN, BOB])
    await destroy(engine, BOB)
    status = await stub.GetKeyStatus(pb.GetKeyStatusRequest(), timeout=20)
    assert status.current_wrapping_key_id == "test"
    [wrapped] = status.wrapped
    assert (wrapped.wrapping_key_id, wrapped.keys, wrapped.is_available) == ("test", 1, True)
    assert status.destroyed == 1
    # In use since this service was started, for a year by default.
    since = status.used_since.ToDatetime(UTC)
    assert timedelta() <= datetime.now(UTC) - since < timedelta(minutes=5)
    assert status.rotation_due.ToDatetime(UTC) == since + timedelta(days=365)


async def test_a_wrapping_key_is_due_when_it_has_been_in_use_for_its_period(
    engine: AsyncEngine,
) -> None:
    clock = FixedClock(NOON)
    due = "weir_privacy_wrapping_key_rotation_due_timestamp_seconds"

    async def age(keys: str) -> KeyAge:
        keyring = LocalKeyring(read_wrapping_keys(keys, "test"))
        store = PostgresKeyStore(engine)
        rotation = KeyRotation(store, keyring, clock, timedelta(days=90), ())
        stop = asyncio.Event()
        running = asyncio.create_task(rotation.run(stop))
        found = await rotation.age()
        published = found.rotation_due.timestamp()
        await until(lambda: REGISTRY.get_sample_value(due) == published)
        stop.set()
        await running
        return found

    first, second = (f"{name}:{WRAPPING_KEYS.partition(':')[2]}" for name in ("one", "two"))
    assert await age(first) == KeyAge(NOON, NOON + timedelta(days=90))
    clock.now += timedelta(days=100)
    # It does not get younger by being asked about; the next one begins when it comes into use.
    assert await age(first) == KeyAge(NOON, NOON + timedelta(days=90))
    assert await age(second) == KeyAge(clock.now, clock.now + timedelta(days=90))


async def test_rows_of_an_export_are_opened_while_there_is_a_key(
    stub: Any, engine: AsyncEngine
) -> None:
    event_uuid = uuid4()
    keys = await sealing_keys(stub, [ANN, BOB])
    rows = []
    for person, key in zip((ANN, BOB), keys, strict=True):
        place = Place(APP, person.bytes, event_uuid.bytes)
        sealed = DataKey(key.key_id, key.secret).seal(f"of {person}", place.of("note"))
        rows.append({"event_uuid": str(event_uuid), "properties": {"note": sealed, "n": 2**70}})
    lines = [json.dumps(row).encode() for row in [*rows, {"session_id": "$sealed"}]]
    await destroy(engine, BOB)
    keyring = LocalKeyring(read_wrapping_keys(WRAPPING_KEYS, "test"))
    opened = await OpenedRows(PostgresKeyStore(engine), keyring).opened(APP, lines)
    assert [json.loads(line) for line in opened] == [
        {"event_uuid": str(event_uuid), "properties": {"note": f"of {ANN}", "n": 2**70}},
        rows[1],
        {"session_id": "$sealed"},
    ]


async def test_keys_are_wrapped_anew_and_stay_the_same(stub: Any, engine: AsyncEngine) -> None:
    people = [uuid4() for _ in range(3)]
    before = await sealing_keys(stub, people)
    store = PostgresKeyStore(engine)
    both = f"new:{base64.b64encode(bytes(32)).decode()},{WRAPPING_KEYS}"
    rewrapping = Rewrapping(store, LocalKeyring(read_wrapping_keys(both, "test")))
    assert await rewrapping.rewrap() == {"rewrapped": 3}
    assert await rewrapping.rewrap() == {"rewrapped": 0}
    assert (await store.counts(APP)).wrapped == {"new": 3}
    only_new = LocalKeyring(read_wrapping_keys(both.partition(",")[0], "test"))
    ids = [UUID(bytes=key.key_id) for key in before]
    assert await Keys(store, only_new).for_opening(APP, ids) == {
        UUID(bytes=key.key_id): key.secret for key in before
    }
    # With a keyring that lacks the new key nothing is given out, rather than another key.
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await sealing_keys(stub, people)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


class StoredValues:
    """The keys that enrich still needs; what it was asked about."""

    def __init__(self, *needed: UUID) -> None:
        self.needed, self.asked = set(needed), list[KeptKey]()

    async def still_needed(self, app_id: str, keys: Sequence[KeptKey]) -> Collection[UUID]:
        assert app_id == APP
        self.asked += keys
        return self.needed


async def test_a_key_that_stayed_for_a_law_goes_with_the_last_event(
    stub: Any, engine: AsyncEngine, database_url: str
) -> None:
    [ann, bob] = await sealing_keys(stub, [ANN, BOB])
    subject = SubjectRef(APP, "ann", (ANN.hex,))
    ended = NOON + timedelta(minutes=5)
    for minutes in range(2):
        async with engine.begin() as connection:
            now = ended + timedelta(minutes=minutes)
            counts = await erase_keys(connection, subject, NOON, now, "tax law")
    assert (counts.erased, counts.withheld, counts.withheld_because) == (0, 1, "tax law")
    ann_id = UUID(bytes=ann.key_id)
    stored = StoredValues(ann_id)
    # What was sealed with it at the very end may not be stored yet.
    assert await kept_keys(engine, stored, ended + timedelta(hours=23)).destroy() == {
        "destroyed": 0,
        "kept": 0,
    }
    kept = kept_keys(engine, stored, ended + timedelta(hours=25))
    assert await kept.destroy() == {"destroyed": 0, "kept": 1}
    assert stored.asked == [KeptKey(ann_id, ANN, ended)]
    assert set(await opening_keys(stub, ann.key_id, bob.key_id)) == {ann.key_id, bob.key_id}

    # Retention removes the last event.
    stored.needed.clear()
    assert await kept.destroy() == {"destroyed": 1, "kept": 0}
    assert await kept.destroy() == {"destroyed": 0, "kept": 0}
    assert set(await opening_keys(stub, ann.key_id, bob.key_id)) == {bob.key_id}
    # What arrives even later is not sealed with a new key, and what occurred later is.
    [later] = await sealing_keys(stub, [ANN], NOON)
    assert later.key_id == b""
    [new] = await sealing_keys(stub, [ANN], NOON + timedelta(seconds=1))
    assert new.key_id not in (b"", ann.key_id)
    with psycopg.connect(database_url) as owner:
        entries = owner.execute(
            "SELECT actor, subject FROM privacy.audit_entries WHERE action = 'keys.destroyed'"
        ).fetchall()
    assert entries == [("job privacy.destroy_kept_keys", ANN.hex)]


async def test_a_person_who_comes_back_keeps_the_key_that_they_get_then(
    stub: Any, engine: AsyncEngine, database_url: str
) -> None:
    """In an app with a law that keeps sealed values; the person agrees again after the erasure."""
    [before] = await sealing_keys(stub, [ANN])
    subject = SubjectRef(APP, "ann", (ANN.hex, BOB.hex))
    async with engine.begin() as connection:
        await erase_keys(connection, subject, NOON, NOON, "tax law")
    with psycopg.connect(database_url) as owner:
        owner.cursor().executemany(
            "INSERT INTO privacy.subject_requests (request_id, app_id, kind, state, subject, categories,"
            " requester, created_at, due_at, parameters, fenced_at, done_at, steps, failure)"
            " VALUES (%s, %s, 'erasure', 'done', %s, '{}', 'suite token', %s, %s, '{}', %s, %s, '[]', '')",
            [(uuid4(), APP, each.hex, NOON, NOON, NOON, NOON) for each in (ANN, BOB)],
        )
    # Late, and kept by a law: nothing is sealed any more, and no key is made that no one would destroy.
    late = await sealing_keys(stub, [ANN, BOB], NOON)
    assert [key.key_id for key in late] == [b"", b""]
    [back, first] = await sealing_keys(stub, [ANN, BOB], NOON + timedelta(days=30))
    assert len({before.key_id, back.key_id, first.key_id, b""}) == 4

    # As if all that they have sealed were in the archive, or not committed yet.
    kept = kept_keys(engine, StoredValues(), NOON + timedelta(days=120))
    assert await kept.destroy() == {"destroyed": 1, "kept": 0}
    assert await opening_keys(stub, before.key_id, back.key_id, first.key_id) == {
        back.key_id: back.secret,
        first.key_id: first.secret,
    }
    assert await sealing_keys(stub, [ANN, BOB], NOON + timedelta(days=30)) == [back, first]


async def test_only_keys_of_before_the_fence_are_kept_if_they_were_retired_there(
    stub: Any, engine: AsyncEngine
) -> None:
    """The catalog keeps something since the erasure has begun."""
    later = NOON + timedelta(days=1)
    [before] = await sealing_keys(stub, [ANN])
    subject = SubjectRef(APP, "ann", (ANN.hex,))
    async with engine.begin() as connection:
        await retire_keys(connection, subject, NOON)
    [back] = await sealing_keys(stub, [ANN], later)
    async with engine.begin() as connection:
        counts = await erase_keys(connection, subject, NOON, later, "tax law", only_retired=True)
    assert counts.withheld == 1
    assert await sealing_keys(stub, [ANN], later) == [back]
    stored = StoredValues()
    assert await kept_keys(engine, stored, NOON + timedelta(days=9)).destroy() == {
        "destroyed": 1,
        "kept": 0,
    }
    assert [key.key_id for key in stored.asked] == [UUID(bytes=before.key_id)]


def kept_keys(engine: AsyncEngine, stored: StoredValues, now: datetime) -> KeptKeys:
    clock = FixedClock(now)
    return KeptKeys(PostgresKeyStore(engine), stored, Auditor(PSEUDONYMS, clock), clock)
