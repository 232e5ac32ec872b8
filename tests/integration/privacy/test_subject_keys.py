"""The keys of people in a real Postgres: made once, given to services, destroyed for good."""

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.privacy.v1 import audit_service_pb2 as audit_pb
from weir.privacy.v1 import subject_key_service_pb2 as pb

from libs.common.subject_data import SubjectRef
from libs.sealing import DataKey, Place
from libs.sealing.keyring import LocalKeyring, WrappedKey, read_wrapping_keys
from services.privacy.sealing.model import KeyOfPerson, StoredKey
from services.privacy.sealing.postgres import PostgresKeyStore, destroy_keys, retire_keys
from services.privacy.sealing.rows import OpenedRows
from tests.integration.privacy.conftest import APP, PURPOSE, Privacy
from tests.support.rejections import reason_of
from tests.support.subject_keys import ANN, BOB, NOON, destroy, opening_keys, sealing_keys, us
from tests.support.wrapping_keys import WRAPPING_KEYS


async def test_each_person_of_an_app_has_one_key(key_calls: Any) -> None:
    [ann, bob] = await sealing_keys(key_calls, [ANN, BOB])
    assert {len(ann.key_id), len(bob.key_id)} == {16}
    assert {len(ann.secret), len(bob.secret)} == {32}
    assert ann.secret != bob.secret
    assert list(await sealing_keys(key_calls, [BOB, ANN])) == [bob, ann]
    [elsewhere] = await sealing_keys(key_calls, [ANN], app_id="chess")
    assert elsewhere.secret != ann.secret
    assert await opening_keys(key_calls, ann.key_id, bob.key_id, elsewhere.key_id) == {
        ann.key_id: ann.secret,
        bob.key_id: bob.secret,
    }


async def test_callers_at_the_same_time_get_the_same_key(key_calls: Any) -> None:
    people = [uuid4() for _ in range(50)]
    answers = await asyncio.gather(*(sealing_keys(key_calls, people) for _ in range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert len({key.secret for key in answers[0]}) == 50


async def test_a_destroyed_key_opens_nothing_and_is_not_made_anew(
    key_calls: Any, engine: AsyncEngine
) -> None:
    [ann, bob] = await sealing_keys(key_calls, [ANN, BOB])
    assert await destroy(engine, ANN) == 1
    assert await opening_keys(key_calls, ann.key_id, bob.key_id) == {bob.key_id: bob.secret}
    [late] = await sealing_keys(key_calls, [ANN], NOON)
    assert (late.key_id, late.secret, late.destroyed_at_us) == (b"", b"", us(NOON))
    # What the person does afterwards is sealed with another key.
    [new] = await sealing_keys(key_calls, [ANN], NOON + timedelta(microseconds=1))
    assert new.key_id not in (b"", ann.key_id)
    assert new.secret not in (b"", ann.secret)
    assert new.destroyed_at_us == us(NOON)


async def test_a_retired_key_opens_and_seals_no_more_and_only_it_is_destroyed(
    key_calls: Any, engine: AsyncEngine
) -> None:
    later = NOON + timedelta(microseconds=1)
    [ann] = await sealing_keys(key_calls, [ANN])
    subject = SubjectRef(APP, "ann", (ANN.hex, BOB.hex))
    async with engine.begin() as connection:
        assert await retire_keys(connection, subject, NOON) == 1
        # Who asks now, because a key was retired, does not get the one of before.
        asked = asyncio.create_task(sealing_keys(key_calls, [ANN, BOB], later))
        assert not (await asyncio.wait([asked], timeout=0.3))[0]
    [new, of_bob] = await asked
    assert new.key_id not in (b"", ann.key_id)
    assert new.destroyed_at_us == of_bob.destroyed_at_us == us(NOON)
    [late] = await sealing_keys(key_calls, [ANN], NOON)
    assert (late.key_id, late.destroyed_at_us) == (new.key_id, us(NOON))
    both = {ann.key_id: ann.secret, new.key_id: new.secret}
    assert await opening_keys(key_calls, *both) == both

    async with engine.begin() as connection:
        assert await destroy_keys(connection, APP, [ANN, BOB], NOON, only_retired=True) == 1
    assert await opening_keys(key_calls, *both) == {new.key_id: new.secret}
    assert await sealing_keys(key_calls, [ANN, BOB], later) == [new, of_bob]


async def test_a_person_without_a_key_gets_none_for_the_past(
    key_calls: Any, engine: AsyncEngine
) -> None:
    assert await destroy(engine, ANN, BOB) == 0
    # Again, as after a crash.
    assert await destroy(engine, ANN, BOB) == 0
    assert [key.key_id for key in await sealing_keys(key_calls, [ANN, BOB])] == [b"", b""]


async def test_no_key_is_made_beside_a_destruction(key_calls: Any, engine: AsyncEngine) -> None:
    """Whichever comes first: a key that is made is destroyed, or none is made."""
    people = [uuid4() for _ in range(30)]
    await asyncio.gather(
        *(sealing_keys(key_calls, [person]) for person in people),
        *(destroy(engine, person) for person in people),
    )
    assert {key.key_id for key in await sealing_keys(key_calls, people)} == {b""}


async def test_no_key_is_stored_that_was_made_before_a_person_was_retired(
    engine: AsyncEngine,
) -> None:
    """What was read of the person before, by a process that goes on now: it waits, and sees the fence."""
    store = PostgresKeyStore(engine)
    subject = SubjectRef(APP, "ann", (ANN.hex,))
    keys = [_new_key(person) for person in (ANN, BOB)]
    async with engine.begin() as connection:
        assert await retire_keys(connection, subject, NOON) == 0
        adding = asyncio.create_task(store.add(keys, _at_noon([ANN, BOB])))
        assert not (await asyncio.wait([adding], timeout=0.3))[0]
    assert await adding == {keys[1].key_id: None}
    # And what it has answered is stored.
    found = await store.of_people(APP, [ANN, BOB])
    assert found == {ANN: KeyOfPerson(None, NOON), BOB: KeyOfPerson(keys[1], None)}
    assert await store.of_people(APP, []) == {}
    # The earliest and the latest moment that a caller can say.
    early, late = (datetime(year, 12, 31, tzinfo=UTC) for year in (1, 9999))
    assert await store.add([again := _new_key(ANN)], {ANN: early}) == {}
    assert await store.add([again], {ANN: late}) == {again.key_id: NOON}


async def test_keys_of_the_same_people_are_stored_at_once_in_any_order(
    engine: AsyncEngine,
) -> None:
    store = PostgresKeyStore(engine)
    people = [uuid4() for _ in range(4_000)]
    orders = (people, people[::-1]) * 2
    made = await asyncio.gather(
        *(store.add([_new_key(person) for person in order], _at_noon(people)) for order in orders)
    )
    assert len({key_id for stored in made for key_id in stored}) == len(people)


def _new_key(person: UUID) -> StoredKey:
    return StoredKey(uuid4(), APP, person, WrappedKey("test", bytes(60)))


def _at_noon(people: Iterable[UUID]) -> dict[UUID, datetime]:
    return dict.fromkeys(people, NOON)


async def test_a_destroyed_key_cannot_be_brought_back(
    key_calls: Any, engine: AsyncEngine, database_url: str
) -> None:
    await sealing_keys(key_calls, [ANN])
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


async def test_opening_leaves_an_entry_in_the_audit_trail(key_calls: Any, privacy: Privacy) -> None:
    [ann, bob] = await sealing_keys(key_calls, [ANN, BOB])
    await opening_keys(key_calls, ann.key_id, bob.key_id, uuid4().bytes)
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
    key_calls: Any, call: str, fields: dict[str, Any], field: str
) -> None:
    given = {"app_id": APP}
    if call == "GetOpeningKeys":
        given |= {"purpose": PURPOSE, "actor": "a"}
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await getattr(key_calls, call)(getattr(pb, f"{call}Request")(**given | fields), timeout=20)
    assert reason_of(raised.value) == ("INVALID_ARGUMENT", "ARGUMENT_INVALID", field)


async def test_rows_of_an_export_are_opened_while_there_is_a_key(
    key_calls: Any, engine: AsyncEngine
) -> None:
    event_uuid = uuid4()
    keys = await sealing_keys(key_calls, [ANN, BOB])
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
