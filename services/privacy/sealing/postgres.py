"""The keys of people in Postgres: `privacy.subject_keys`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.audit import AuditEntry
from libs.common.subject_data import KeptKey, StoreCounts, SubjectRef
from libs.sealing.keyring import WrappedKey
from libs.stores.postgres import driver_connection
from services.privacy.audit.postgres import add_entry
from services.privacy.sealing.model import KeyCounts, KeyOfPerson, StoredKey

STORE = "privacy.subject_keys"
_COLUMNS = "key_id, app_id, person, wrapped_key, wrapping_key_id"
OF_PEOPLE: LiteralString = f"""
    SELECT wanted.person, key.key_id, key.wrapped_key, key.wrapping_key_id, (
        SELECT max(gone.retired_at) FROM privacy.subject_keys AS gone
        WHERE gone.app_id = %(app_id)s AND gone.person = wanted.person AND gone.retired_at IS NOT NULL
    ) AS last_retired_at
    FROM unnest(%(people)b::uuid[]) AS wanted (person)
    LEFT JOIN (SELECT {_COLUMNS} FROM privacy.subject_keys WHERE retired_at IS NULL) AS key
        ON key.app_id = %(app_id)s AND key.person = wanted.person
"""
# A key must not be made, or given to seal with, from what was read before another transaction retired or
# destroyed one. Those that make keys and ask for them do not wait for each other.
_LOCK: LiteralString = (
    "SELECT pg_advisory_xact_lock{}(hashtextextended('weir.subject_keys/' || {}, 0))"
)
LOCK_SHARED = _LOCK.format("_shared", "%(app_id)s")
LOCK = text(_LOCK.format("", ":app_id"))
# Arrays in binary form, which take the driver a fraction of the time. In one order: two that make keys of the
# same people wait for each other's, and must not both.
ADD: LiteralString = """
    INSERT INTO privacy.subject_keys (key_id, app_id, person, wrapped_key, wrapping_key_id)
    SELECT key_id, %(app_id)s, person, wrapped_key, wrapping_key_id
    FROM unnest(
        %(key_ids)b::uuid[], %(people)b::uuid[], %(wrapped)b::bytea[], %(wrapping)b::text[],
        %(latest)b::timestamptz[]
    ) AS new (key_id, person, wrapped_key, wrapping_key_id, latest)
    WHERE new.person <> ALL (
        SELECT gone.person FROM privacy.subject_keys AS gone
        WHERE gone.app_id = %(app_id)s AND gone.person = new.person AND gone.retired_at >= new.latest
    )
    ORDER BY new.person
    ON CONFLICT (app_id, person) WHERE retired_at IS NULL DO NOTHING
    RETURNING key_id, (
        SELECT max(gone.retired_at) FROM privacy.subject_keys AS gone
        WHERE gone.app_id = subject_keys.app_id AND gone.person = subject_keys.person
    ) AS last_retired_at
"""
WITH_IDS = text(f"""
    SELECT {_COLUMNS} FROM privacy.subject_keys
    WHERE app_id = :app_id AND key_id = ANY(CAST(:key_ids AS uuid[])) AND destroyed_at IS NULL
""")
WRAPPED_OTHERWISE = text(f"""
    SELECT {_COLUMNS} FROM privacy.subject_keys
    WHERE destroyed_at IS NULL AND wrapping_key_id <> :wrapping_key_id
    LIMIT :limit
""")
REWRAP = text("""
    UPDATE privacy.subject_keys AS key
    SET wrapped_key = new.wrapped_key, wrapping_key_id = new.wrapping_key_id
    FROM unnest(
        CAST(:key_ids AS uuid[]), CAST(:before AS bytea[]), CAST(:wrapped AS bytea[]),
        CAST(:wrapping AS text[])
    ) AS new (key_id, before, wrapped_key, wrapping_key_id)
    WHERE key.key_id = new.key_id AND key.wrapped_key = new.before AND key.destroyed_at IS NULL
""")
RETIRE = text("""
    UPDATE privacy.subject_keys SET retired_at = :moment
    WHERE app_id = :app_id AND person = ANY(CAST(:people AS uuid[])) AND retired_at IS NULL
""")
DESTROY = text("""
    UPDATE privacy.subject_keys
    SET wrapped_key = NULL, wrapping_key_id = NULL, destroyed_at = :moment,
        retired_at = coalesce(retired_at, :moment)
    WHERE app_id = :app_id AND person = ANY(CAST(:people AS uuid[])) AND destroyed_at IS NULL
        AND (retired_at IS NOT NULL OR NOT :only_retired)
""")
# Also of a person who never had one: what they did before may still arrive.
FORBID = text("""
    INSERT INTO privacy.subject_keys (key_id, app_id, person, retired_at, destroyed_at)
    SELECT new.key_id, :app_id, new.person, :moment, :moment
    FROM unnest(CAST(:key_ids AS uuid[]), CAST(:people AS uuid[])) AS new (key_id, person)
    WHERE new.person <> ALL (
        SELECT gone.person FROM privacy.subject_keys AS gone
        WHERE gone.app_id = :app_id AND gone.person = new.person AND gone.retired_at >= :moment
    )
""")
# What is sealed already; with `only_retired` not what a person who came back seals now.
KEEP = text("""
    UPDATE privacy.subject_keys
    SET kept_since = CASE WHEN retired_at IS NULL THEN :kept_since ELSE coalesce(kept_since, :kept_since) END,
        retired_at = coalesce(retired_at, :moment)
    WHERE app_id = :app_id AND person = ANY(CAST(:people AS uuid[])) AND destroyed_at IS NULL
        AND (retired_at IS NOT NULL OR NOT :only_retired)
""")
KEPT = text("""
    SELECT app_id, key_id, person, kept_since FROM privacy.subject_keys
    WHERE kept_since < :before AND retired_at IS NOT NULL AND destroyed_at IS NULL AND key_id > :after
    ORDER BY key_id LIMIT :limit
""")
DESTROY_KEPT = text("""
    UPDATE privacy.subject_keys
    SET wrapped_key = NULL, wrapping_key_id = NULL, destroyed_at = kept_since
    WHERE key_id = :key_id AND retired_at IS NOT NULL AND destroyed_at IS NULL
""")
COUNTS = text("""
    SELECT wrapping_key_id, count(*) AS keys FROM privacy.subject_keys
    WHERE destroyed_at IS NULL AND app_id = coalesce(CAST(:app_id AS text), app_id)
    GROUP BY wrapping_key_id ORDER BY wrapping_key_id
""")
NOTE_USE = text("""
    INSERT INTO privacy.wrapping_keys (wrapping_key_id, used_since) VALUES (:wrapping_key_id, :now)
    ON CONFLICT DO NOTHING
""")
USED_SINCE = text(
    "SELECT used_since FROM privacy.wrapping_keys WHERE wrapping_key_id = :wrapping_key_id"
)
DESTROYED = text("""
    SELECT count(DISTINCT (app_id, person)) FROM privacy.subject_keys
    WHERE destroyed_at IS NOT NULL AND app_id = coalesce(CAST(:app_id AS text), app_id)
""")


class PostgresKeyStore:
    """Implements `ports.KeyStore`."""

    def __init__(self, engine: AsyncEngine) -> None:
        """The engine is the caller's to close."""
        self._engine = engine
        # For what enrich waits for: a lock and one statement are a transaction and one round trip.
        self._at_once = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def of_people(self, app_id: str, people: Collection[UUID]) -> Mapping[UUID, KeyOfPerson]:
        parameters = {"app_id": app_id, "people": list(people)}
        rows = await self._locked(OF_PEOPLE, parameters)
        return {
            person: KeyOfPerson(
                StoredKey(key_id, app_id, person, WrappedKey(wrapping_key_id, wrapped))
                if key_id
                else None,
                last_retired_at,
            )
            for person, key_id, wrapped, wrapping_key_id, last_retired_at in rows
        }

    async def add(
        self, keys: Sequence[StoredKey], latest: Mapping[UUID, datetime]
    ) -> Mapping[UUID, datetime | None]:
        if not keys:
            return {}
        parameters = {
            "app_id": keys[0].app_id,
            "key_ids": [key.key_id for key in keys],
            "people": [key.person for key in keys],
            "wrapped": [key.wrapped.wrapped for key in keys],
            "wrapping": [key.wrapped.wrapping_key_id for key in keys],
            "latest": [latest[key.person] for key in keys],
        }
        return dict(await self._locked(ADD, parameters))

    async def _locked(
        self, statement: LiteralString, parameters: Mapping[str, object]
    ) -> Sequence[tuple[Any, ...]]:
        """The rows of a statement, while no key of the app is retired or destroyed."""
        async with self._at_once.connect() as connection:
            driver = await driver_connection(connection)
            async with driver.pipeline():
                await driver.execute(LOCK_SHARED, parameters)
                cursor = await driver.execute(statement, parameters)
            return await cursor.fetchall()

    async def with_ids(self, app_id: str, key_ids: Collection[UUID]) -> Sequence[StoredKey]:
        parameters = {"app_id": app_id, "key_ids": list(key_ids)}
        async with self._engine.connect() as connection:
            rows = (await connection.execute(WITH_IDS, parameters)).mappings()
            return [_stored(row) for row in rows]

    async def wrapped_otherwise(self, wrapping_key_id: str, limit: int) -> Sequence[StoredKey]:
        parameters = {"wrapping_key_id": wrapping_key_id, "limit": limit}
        async with self._engine.connect() as connection:
            rows = (await connection.execute(WRAPPED_OTHERWISE, parameters)).mappings()
            return [_stored(row) for row in rows]

    async def rewrap(self, keys: Sequence[tuple[StoredKey, WrappedKey]]) -> int:
        parameters = {
            "key_ids": [key.key_id for key, _ in keys],
            "before": [key.wrapped.wrapped for key, _ in keys],
            "wrapped": [wrapped.wrapped for _, wrapped in keys],
            "wrapping": [wrapped.wrapping_key_id for _, wrapped in keys],
        }
        async with self._engine.begin() as connection:
            return (await connection.execute(REWRAP, parameters)).rowcount

    async def counts(self, app_id: str | None) -> KeyCounts:
        parameters = {"app_id": app_id}
        async with self._engine.connect() as connection:
            rows = (await connection.execute(COUNTS, parameters)).mappings()
            wrapped = {str(row["wrapping_key_id"]): int(row["keys"]) for row in rows}
            destroyed = (await connection.execute(DESTROYED, parameters)).scalar_one()
            return KeyCounts(wrapped, int(destroyed))

    async def kept(
        self, before: datetime, after: UUID, limit: int
    ) -> Sequence[tuple[str, KeptKey]]:
        """See `kept.KeptKeyStore`."""
        parameters = {"before": before, "after": after, "limit": limit}
        async with self._engine.connect() as connection:
            rows = await connection.execute(KEPT, parameters)
            return [
                (app_id, KeptKey(key_id, person, since)) for app_id, key_id, person, since in rows
            ]

    async def destroy_kept(self, app_id: str, key: KeptKey, entry: AuditEntry) -> bool:
        """See `kept.KeptKeyStore`."""
        parameters = {"key_id": key.key_id}
        async with self._engine.begin() as connection:
            await connection.execute(LOCK, {"app_id": app_id})
            destroyed = (await connection.execute(DESTROY_KEPT, parameters)).rowcount
            if destroyed:
                await add_entry(connection, entry)
        return bool(destroyed)

    async def used_since(self, wrapping_key_id: str, now: datetime) -> datetime:
        """See `rotation.KeyDates`."""
        key = {"wrapping_key_id": wrapping_key_id}
        async with self._engine.begin() as connection:
            since = (await connection.execute(USED_SINCE, key)).scalar_one_or_none()
            if since is None:
                await connection.execute(NOTE_USE, {**key, "now": now})
                since = (await connection.execute(USED_SINCE, key)).scalar_one()
            assert isinstance(since, datetime)
            return since


async def retire_keys(connection: AsyncConnection, subject: SubjectRef, fenced_at: datetime) -> int:
    """Retires the keys of a person who is to be erased: they still open what they have sealed. What occurred
    until `fenced_at` is not sealed any more, what occurs later with a new key. Who asks for keys of the app
    waits until the transaction ends. How many there were."""
    people = [UUID(person) for person in subject.persons]
    parameters = {"app_id": subject.app_id, "people": people, "moment": fenced_at}
    await connection.execute(LOCK, {"app_id": subject.app_id})
    retired = (await connection.execute(RETIRE, parameters)).rowcount
    await connection.execute(FORBID, parameters | {"key_ids": [uuid4() for _ in people]})
    return retired


async def destroy_keys(
    connection: AsyncConnection,
    app_id: str,
    people: Collection[UUID],
    destroyed_at: datetime,
    *,
    only_retired: bool = False,
) -> int:
    """Destroys the keys of a person, who may have several pseudonyms: from the commit of the transaction
    on, nothing that was sealed with them can be opened, and no key is made for what occurred until
    `destroyed_at`. How many there were; safe to repeat."""
    parameters = {"app_id": app_id, "people": list(people), "moment": destroyed_at}
    await connection.execute(LOCK, {"app_id": app_id})
    destroyed = (
        await connection.execute(DESTROY, parameters | {"only_retired": only_retired})
    ).rowcount
    await connection.execute(FORBID, parameters | {"key_ids": [uuid4() for _ in people]})
    return destroyed


async def erase_keys(
    connection: AsyncConnection,
    subject: SubjectRef,
    fenced_at: datetime,
    now: datetime,
    stay_because: str,
    *,
    only_retired: bool = False,
) -> StoreCounts:
    """Destroys the keys of a person who is erased. Or retires them for a reason, until the events are gone
    that need them: what the person does after that is sealed with a new key, and what occurred until
    `fenced_at` not at all. With `only_retired` those stay as they are that were made since `retire_keys`.
    Safe to repeat."""
    people = [UUID(person) for person in subject.persons]
    if stay_because:
        parameters = {"app_id": subject.app_id, "people": people, "moment": fenced_at}
        keeping = parameters | {"kept_since": now, "only_retired": only_retired}
        await connection.execute(LOCK, {"app_id": subject.app_id})
        kept = (await connection.execute(KEEP, keeping)).rowcount
        await connection.execute(FORBID, parameters | {"key_ids": [uuid4() for _ in people]})
        return StoreCounts(STORE, withheld=kept, withheld_because=stay_because)
    destroyed = await destroy_keys(
        connection, subject.app_id, people, fenced_at, only_retired=only_retired
    )
    return StoreCounts(STORE, erased=destroyed)


def _stored(row: Mapping[Any, Any]) -> StoredKey:
    wrapped = WrappedKey(row["wrapping_key_id"], bytes(row["wrapped_key"]))
    return StoredKey(row["key_id"], row["app_id"], row["person"], wrapped)
