"""What Postgres' files hold of people's keys, before and after these are destroyed."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.sealing.keyring import LocalKeyring, read_wrapping_keys
from services.privacy.sealing.keys import Keys
from services.privacy.sealing.postgres import PostgresKeyStore, destroy_keys
from suite.embedded import PostgresServer
from tests.support.wrapping_keys import WRAPPING_KEYS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANN, BOB = UUID(int=1), UUID(int=2)


async def test_the_bytes_of_a_destroyed_key_are_gone(
    engine: AsyncEngine, database_url: str, postgres: PostgresServer, server_home: Path
) -> None:
    keyring = LocalKeyring(read_wrapping_keys(WRAPPING_KEYS, "test"))
    keys = Keys(PostgresKeyStore(engine), keyring)
    made = await keys.for_sealing("chess", {ANN: NOON, BOB: NOON})
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT person, wrapped_key FROM privacy.subject_keys").fetchall()
    wrapped: dict[UUID, bytes] = dict(rows)

    def found(needles: dict[UUID, bytes], *, log: bool) -> set[UUID]:
        """Whose bytes are on disk, in the log of changes as well or without it. Stopping writes all."""
        postgres.stop()
        contents = [
            path.read_bytes()
            for path in (server_home / "postgres").rglob("*")
            if path.is_file() and (log or "pg_wal" not in path.parts)
        ]
        postgres.start()
        return {
            person for person, needle in needles.items() if any(needle in one for one in contents)
        }

    # No key is anywhere as it is.
    assert found({person: key.secret for person, key in made.items()}, log=True) == set()
    assert found(wrapped, log=False) == {ANN, BOB}
    async with engine.begin() as transaction:
        assert await destroy_keys(transaction, "chess", [ANN], NOON) == 1
    with psycopg.connect(database_url, autocommit=True) as connection:
        # As autovacuum does within a minute.
        connection.execute("VACUUM privacy.subject_keys")
    assert found(wrapped, log=False) == {BOB}
    key_ids = [UUID(bytes=key.key_id) for key in made.values()]
    opened = await keys.for_opening("chess", key_ids)
    assert list(opened.values()) == [made[BOB].secret]
