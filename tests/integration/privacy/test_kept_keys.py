"""Keys that a law keeps after an erasure: until enrich needs them no more, and no longer."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.audit import Auditor
from libs.common.subject_data import KeptKey, SubjectRef
from services.privacy.sealing.kept import KeptKeys
from services.privacy.sealing.postgres import PostgresKeyStore, erase_keys, retire_keys
from tests.integration.privacy.conftest import APP
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS
from tests.support.subject_keys import ANN, BOB, NOON, opening_keys, sealing_keys


class StoredValues:
    """The keys that enrich still needs; what it was asked about."""

    def __init__(self, *needed: UUID) -> None:
        self.needed, self.asked = set(needed), list[KeptKey]()

    async def still_needed(self, app_id: str, keys: Sequence[KeptKey]) -> Collection[UUID]:
        assert app_id == APP
        self.asked += keys
        return self.needed


def kept_keys(engine: AsyncEngine, stored: StoredValues, now: datetime) -> KeptKeys:
    clock = FixedClock(now)
    return KeptKeys(PostgresKeyStore(engine), stored, Auditor(PSEUDONYMS, clock), clock)


async def test_a_key_that_stayed_for_a_law_goes_with_the_last_event(
    key_calls: Any, engine: AsyncEngine, database_url: str
) -> None:
    [ann, bob] = await sealing_keys(key_calls, [ANN, BOB])
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
    assert set(await opening_keys(key_calls, ann.key_id, bob.key_id)) == {ann.key_id, bob.key_id}

    # Retention removes the last event.
    stored.needed.clear()
    assert await kept.destroy() == {"destroyed": 1, "kept": 0}
    assert await kept.destroy() == {"destroyed": 0, "kept": 0}
    assert set(await opening_keys(key_calls, ann.key_id, bob.key_id)) == {bob.key_id}
    # What arrives even later is not sealed with a new key, and what occurred later is.
    [later] = await sealing_keys(key_calls, [ANN], NOON)
    assert later.key_id == b""
    [new] = await sealing_keys(key_calls, [ANN], NOON + timedelta(seconds=1))
    assert new.key_id not in (b"", ann.key_id)
    with psycopg.connect(database_url) as owner:
        entries = owner.execute(
            "SELECT actor, subject FROM privacy.audit_entries WHERE action = 'keys.destroyed'"
        ).fetchall()
    assert entries == [("job privacy.destroy_kept_keys", ANN.hex)]


async def test_a_person_who_comes_back_keeps_the_key_that_they_get_then(
    key_calls: Any, engine: AsyncEngine, database_url: str
) -> None:
    """In an app with a law that keeps sealed values; the person agrees again after the erasure."""
    [before] = await sealing_keys(key_calls, [ANN])
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
    late = await sealing_keys(key_calls, [ANN, BOB], NOON)
    assert [key.key_id for key in late] == [b"", b""]
    [back, first] = await sealing_keys(key_calls, [ANN, BOB], NOON + timedelta(days=30))
    assert len({before.key_id, back.key_id, first.key_id, b""}) == 4

    # As if all that they have sealed were in the archive, or not committed yet.
    kept = kept_keys(engine, StoredValues(), NOON + timedelta(days=120))
    assert await kept.destroy() == {"destroyed": 1, "kept": 0}
    assert await opening_keys(key_calls, before.key_id, back.key_id, first.key_id) == {
        back.key_id: back.secret,
        first.key_id: first.secret,
    }
    assert await sealing_keys(key_calls, [ANN, BOB], NOON + timedelta(days=30)) == [back, first]


async def test_only_keys_of_before_the_fence_are_kept_if_they_were_retired_there(
    key_calls: Any, engine: AsyncEngine
) -> None:
    """The catalog keeps something since the erasure has begun."""
    later = NOON + timedelta(days=1)
    [before] = await sealing_keys(key_calls, [ANN])
    subject = SubjectRef(APP, "ann", (ANN.hex,))
    async with engine.begin() as connection:
        await retire_keys(connection, subject, NOON)
    [back] = await sealing_keys(key_calls, [ANN], later)
    async with engine.begin() as connection:
        counts = await erase_keys(connection, subject, NOON, later, "tax law", only_retired=True)
    assert counts.withheld == 1
    assert await sealing_keys(key_calls, [ANN], later) == [back]
    stored = StoredValues()
    assert await kept_keys(engine, stored, NOON + timedelta(days=9)).destroy() == {
        "destroyed": 1,
        "kept": 0,
    }
    assert [key.key_id for key in stored.asked] == [UUID(bytes=before.key_id)]
