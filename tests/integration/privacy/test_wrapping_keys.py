"""The keys that wrap those of people: what is stored, when one is due, and how the next takes its place."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import grpc
import psycopg
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from prometheus_client import REGISTRY
from sqlalchemy.ext.asyncio import AsyncEngine
from weir.privacy.v1 import subject_key_service_pb2 as pb

from libs.sealing.keyring import LocalKeyring, read_wrapping_keys
from services.privacy.sealing.keys import Keys
from services.privacy.sealing.postgres import PostgresKeyStore
from services.privacy.sealing.rewrapping import Rewrapping
from services.privacy.sealing.rotation import KeyAge, KeyRotation
from tests.integration.privacy.conftest import APP
from tests.support.clocks import FixedClock
from tests.support.subject_keys import ANN, BOB, NOON, destroy, sealing_keys
from tests.support.waiting import until
from tests.support.wrapping_keys import WRAPPING_KEYS, WRAPPING_SECRET


async def test_the_database_has_wrapped_keys_only(key_calls: Any, database_url: str) -> None:
    [key] = await sealing_keys(key_calls, [ANN])
    with psycopg.connect(database_url) as connection:
        [(key_id, wrapped, wrapping_key_id)] = connection.execute(
            "SELECT key_id, wrapped_key, wrapping_key_id FROM privacy.subject_keys"
        ).fetchall()
    assert (key_id.bytes, wrapping_key_id) == (key.key_id, "test")
    assert key.secret not in wrapped
    row = b"weir/subject_key/v1\x00" + APP.encode() + b"\x00" + ANN.bytes + key.key_id
    assert AESGCM(WRAPPING_SECRET).decrypt(wrapped[:12], wrapped[12:], row) == key.secret


async def test_the_status_counts_keys_by_the_one_that_wraps_them(
    key_calls: Any, engine: AsyncEngine
) -> None:
    await sealing_keys(key_calls, [ANN, BOB])
    await destroy(engine, BOB)
    status = await key_calls.GetKeyStatus(pb.GetKeyStatusRequest(), timeout=20)
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


async def test_keys_are_wrapped_anew_and_stay_the_same(key_calls: Any, engine: AsyncEngine) -> None:
    people = [uuid4() for _ in range(3)]
    before = await sealing_keys(key_calls, people)
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
        await sealing_keys(key_calls, people)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
