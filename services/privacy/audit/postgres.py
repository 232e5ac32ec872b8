"""The audit trail in Postgres: entries are added, chained once, and read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import bindparam, make_url, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.audit import AuditEntry, Caller
from libs.common.clock import moment_of, us_of
from libs.runtime.sparse_log import SparseWarning
from services.privacy.audit.chain import ChainKeys, Head, Link
from services.privacy.audit.continuing import first_head, is_signed
from services.privacy.audit.model import (
    ChainPart,
    EntryCursor,
    EntryQuery,
    SignedHead,
    StoredEntry,
)

_UNKNOWN_KEY = SparseWarning("the audit trail is not chained: its head has another key")
_DRIVER = make_url("postgresql+psycopg://")
# Entries of one transaction of the chainer.
CHAINED_AT_A_TIME = 1_000

# An entry that comes again by the stream changes nothing.
ADD = text(
    """
    INSERT INTO privacy.audit_entries (app_id, occurred_at, entry_id, actor, action, subject, purpose,
        outcome, request_id, trace_id, details)
    VALUES (:app_id, :occurred_at, :entry_id, :actor, :action, :subject, :purpose,
        :outcome, :request_id, :trace_id, :details)
    ON CONFLICT DO NOTHING
    """
).bindparams(bindparam("details", type_=JSONB))
_ENTRY = """
    app_id, entry_id, occurred_at, actor, request_id, trace_id, action, outcome, subject, purpose, details,
    sequence, previous_hash, hash
"""
HAS_UNCHAINED = text("SELECT EXISTS (SELECT FROM privacy.audit_entries WHERE sequence IS NULL)")
# One process at a time, until its transaction ends.
LOCK_CHAINS = text("SELECT pg_try_advisory_xact_lock(hashtextextended('privacy.audit_entries', 4))")
# Heads at which a chain ends: another process signed them, or someone without a key.
STORED_HEADS = text(
    """
    SELECT app_id, head.sequence, head.hash, head.signature FROM privacy.audit_heads AS head
    JOIN privacy.audit_entries AS last USING (app_id, sequence, hash)
    """
)
UNCHAINED = text(
    f"""
    SELECT {_ENTRY} FROM privacy.audit_entries
    WHERE sequence IS NULL AND app_id <> ALL(CAST(:closed AS text[]))
    ORDER BY app_id, occurred_at, entry_id LIMIT {CHAINED_AT_A_TIME}
    """
)
# The head beside the entries, and the last entry itself.
ENDS = text(
    """
    SELECT app, head.sequence, head.hash, head.signature, last.sequence, last.hash
    FROM unnest(CAST(:apps AS text[])) AS app
    LEFT JOIN privacy.audit_heads AS head ON head.app_id = app
    LEFT JOIN LATERAL (
        SELECT sequence, hash FROM privacy.audit_entries
        WHERE app_id = app AND sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1
    ) AS last ON true
    """
)
CHAIN = text(
    """
    UPDATE privacy.audit_entries AS entry
    SET sequence = link.sequence, previous_hash = link.previous_hash, hash = link.hash
    FROM unnest(CAST(:apps AS text[]), CAST(:times AS timestamptz[]), CAST(:ids AS uuid[]),
            CAST(:sequences AS bigint[]), CAST(:previous_hashes AS bytea[]), CAST(:hashes AS bytea[]))
        AS link (app_id, occurred_at, entry_id, sequence, previous_hash, hash)
    WHERE entry.app_id = link.app_id AND entry.occurred_at = link.occurred_at
        AND entry.entry_id = link.entry_id
    """
)
SET_HEAD = text(
    """
    INSERT INTO privacy.audit_heads (app_id, sequence, hash, signature)
    VALUES (:app_id, :sequence, :hash, :signature)
    ON CONFLICT (app_id) DO UPDATE
    SET sequence = excluded.sequence, hash = excluded.hash, signature = excluded.signature
    """
)
BY_SEQUENCE = text(
    f"""
    SELECT {_ENTRY} FROM privacy.audit_entries WHERE app_id = :app_id AND sequence > :after
    ORDER BY sequence LIMIT :limit
    """
)
# What is stored beside the entries of an app; in one row, whatever is missing.
BESIDE = text(
    """
    SELECT head.sequence, head.hash, head.signature,
        checkpoint.sequence, checkpoint.hash, checkpoint.signature,
        (SELECT count(*) FROM privacy.audit_entries WHERE app_id = app AND sequence IS NULL)
    FROM (SELECT CAST(:app_id AS text) AS app) AS asked
    LEFT JOIN privacy.audit_heads AS head ON head.app_id = app
    LEFT JOIN privacy.audit_checkpoints AS checkpoint ON checkpoint.app_id = app
    """
)
APPS = text("SELECT app_id FROM privacy.audit_heads ORDER BY app_id")
# The trigger lets entries go in such a transaction only.
ALLOW_PRUNING = text("SET LOCAL weir.audit_pruning = 'on'")
PRUNE = text("DELETE FROM privacy.audit_entries WHERE app_id = :app_id AND sequence <= :sequence")
SET_CHECKPOINT = text(
    """
    INSERT INTO privacy.audit_checkpoints (app_id, sequence, hash, signature)
    VALUES (:app_id, :sequence, :hash, :signature)
    ON CONFLICT (app_id) DO UPDATE
    SET sequence = excluded.sequence, hash = excluded.hash, signature = excluded.signature
    """
)
# Those before the first entry in the chain that is not so old.
OLDER = text(
    """
    SELECT count(*), min(occurred_at) FROM privacy.audit_entries
    WHERE app_id = :app_id AND sequence < coalesce(
        (SELECT sequence FROM privacy.audit_entries
            WHERE app_id = :app_id AND sequence IS NOT NULL AND occurred_at >= :before
            ORDER BY sequence LIMIT 1),
        9223372036854775807)
    """
)
# What chooses entries, by the parameter that it takes.
_CONDITIONS = {
    "from": "occurred_at >= :from",
    "to": "occurred_at < :to",
    "actor": "actor = :actor",
    "action": "action = :action",
    "subjects": "subject = ANY(CAST(:subjects AS text[]))",
    "entry_id": "(occurred_at, entry_id) < (:occurred_at, :entry_id)",
}


async def add_entry(connection: AsyncConnection, entry: AuditEntry) -> None:
    """Adds an entry in the caller's transaction: it is there if the act is, and only then."""
    await connection.execute(ADD, _values(entry))


async def add_entry_directly(connection: psycopg.AsyncConnection[Any], entry: AuditEntry) -> None:
    """The same for a command that is connected as the owner of the database."""
    statement = str(ADD.compile(dialect=_DRIVER.get_dialect()()))
    await connection.execute(
        statement.encode(), {**_values(entry), "details": Jsonb(dict(entry.details))}
    )


class PostgresAuditTrail:
    """The entries of all apps. Every method raises what Postgres raises."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # Asked twice a second, and mostly with nothing to chain: without a transaction around it.
        self._probing = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Adds entries; those that are there already stay as they are."""
        async with self._engine.begin() as connection:
            await connection.execute(ADD, [_values(entry) for entry in entries])

    async def list(
        self, query: EntryQuery, after: EntryCursor | None, limit: int
    ) -> Sequence[StoredEntry]:
        """Entries behind `after`, the newest first; of the newest at all if it is None."""
        values: dict[str, Any] = {
            "from": None if query.from_us is None else moment_of(query.from_us),
            "to": None if query.to_us is None else moment_of(query.to_us),
            "actor": query.actor or None,
            "action": query.action or None,
            "subjects": None if query.subjects is None else list(query.subjects),
            "entry_id": after and after.entry_id,
        }
        given = {name: value for name, value in values.items() if value is not None}
        conditions = "".join(f" AND {_CONDITIONS[name]}" for name in given)
        if after:
            given["occurred_at"] = moment_of(after.occurred_at_us)
        statement = text(
            f"SELECT {_ENTRY} FROM privacy.audit_entries WHERE app_id = :app_id{conditions}"
            " ORDER BY occurred_at DESC, entry_id DESC LIMIT :limit"
        )
        async with self._engine.connect() as connection:
            rows = await connection.execute(
                statement, {**given, "app_id": query.app_id, "limit": limit}
            )
            return list(map(_stored, rows))

    async def part(self, app_id: str, after: int, limit: int) -> ChainPart:
        """Chained entries behind the sequence `after`, in the order of the chain, and what is stored beside
        them, all of one moment."""
        of_one_moment = self._engine.execution_options(isolation_level="REPEATABLE READ")
        async with of_one_moment.connect() as connection:
            beside = tuple((await connection.execute(BESIDE, {"app_id": app_id})).one())
            rows = await connection.execute(
                BY_SEQUENCE, {"app_id": app_id, "after": after, "limit": limit}
            )
            entries = list(map(_stored, rows))
        return ChainPart(
            checkpoint=_signed_head(beside[3:6]),
            head=_signed_head(beside[:3]),
            unchained=beside[6],
            entries=entries,
        )

    async def apps(self) -> Sequence[str]:
        """The apps that have chained entries."""
        async with self._engine.connect() as connection:
            return list((await connection.execute(APPS)).scalars())

    async def prune(self, app_id: str, checkpoint: SignedHead, entry: AuditEntry) -> int:
        """Deletes the entries up to the checkpoint, and adds one that says so; how many were deleted, 0 if
        another process did it."""
        async with self._engine.begin() as connection:
            await connection.execute(ALLOW_PRUNING)
            values = _head_values(app_id, checkpoint)
            deleted = (await connection.execute(PRUNE, values)).rowcount
            if deleted:
                await connection.execute(SET_CHECKPOINT, values)
                await add_entry(connection, entry)
        return deleted

    async def older(self, app_id: str, before: datetime) -> tuple[int, datetime | None]:
        """How many entries at the beginning of the chain are older than `before`, and the oldest moment."""
        async with self._engine.connect() as connection:
            rows, oldest = (
                await connection.execute(OLDER, {"app_id": app_id, "before": before})
            ).one()
        return rows, oldest

    async def has_unchained(self) -> bool:
        """Whether there are entries that are not chained."""
        async with self._probing.connect() as connection:
            return bool(await connection.scalar(HAS_UNCHAINED))

    async def chain(
        self, keys: ChainKeys, published: Mapping[str, SignedHead]
    ) -> Mapping[str, SignedHead]:
        """Chains the oldest entries that are not chained, CHAINED_AT_A_TIME at most, behind the ends of their
        chains: the new heads by app. None if there are none, or another process is at it. `published` are the
        newest heads that are known from outside of the database.

        A chain whose end was signed with a key that is not known here is left to processes that have it:
        while the key is changed, hashes that others made with the old one would come too late.
        """
        async with self._engine.begin() as connection:
            if not await connection.scalar(LOCK_CHAINS):
                return {}
            # In a statement of its own, so that it sees what the process before has committed.
            closed = await _closed(connection, keys)
            unchained = await connection.execute(UNCHAINED, {"closed": closed})
            entries = [_entry(row) for row in unchained]
            if not entries:
                return {}
            apps = sorted({entry.app_id for entry in entries})
            heads = {
                row[0]: first_head(
                    keys, row[0], _signed_head(row[1:4]), published.get(row[0]), _last(row)
                )
                for row in await connection.execute(ENDS, {"apps": apps})
            }
            links: list[Link] = []
            for entry in entries:
                link = keys.link(entry, heads[entry.app_id])
                heads[entry.app_id] = Head(link.sequence, link.hash)
                links.append(link)
            signed = {
                app_id: SignedHead(head, keys.signature(app_id, head))
                for app_id, head in heads.items()
            }
            await connection.execute(CHAIN, _chain_values(entries, links))
            await connection.execute(
                SET_HEAD,
                [_head_values(app_id, each) for app_id, each in signed.items()],
            )
        return signed


async def _closed(connection: AsyncConnection, keys: ChainKeys) -> Sequence[str]:
    """The apps whose chain ends with a head that none of the keys signed."""
    closed = []
    for app_id, *signed in await connection.execute(STORED_HEADS):
        if not is_signed(keys, app_id, SignedHead(Head(*signed[:2]), signed[2])):
            closed.append(app_id)
            _UNKNOWN_KEY.note(app_id=app_id)
    return closed


def _values(entry: AuditEntry) -> Mapping[str, Any]:
    return {
        "app_id": entry.app_id,
        "occurred_at": moment_of(entry.occurred_at_us),
        "entry_id": entry.entry_id,
        "actor": entry.caller.actor,
        "action": entry.action,
        "subject": entry.subject,
        "purpose": entry.purpose,
        "outcome": entry.outcome,
        "request_id": entry.caller.request_id,
        "trace_id": entry.caller.trace_id,
        "details": dict(entry.details),
    }


def _head_values(app_id: str, signed: SignedHead) -> Mapping[str, Any]:
    return {
        "app_id": app_id,
        "sequence": signed.head.sequence,
        "hash": signed.head.hash,
        "signature": signed.signature,
    }


def _chain_values(entries: Sequence[AuditEntry], links: Sequence[Link]) -> Mapping[str, Any]:
    return {
        "apps": [entry.app_id for entry in entries],
        "times": [moment_of(entry.occurred_at_us) for entry in entries],
        "ids": [entry.entry_id for entry in entries],
        "sequences": [link.sequence for link in links],
        "previous_hashes": [link.previous_hash for link in links],
        "hashes": [link.hash for link in links],
    }


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        app_id=row.app_id,
        entry_id=row.entry_id,
        occurred_at_us=us_of(row.occurred_at),
        caller=Caller(row.actor, row.request_id, row.trace_id),
        action=row.action,
        outcome=row.outcome,
        subject=row.subject,
        purpose=row.purpose,
        details=row.details,
    )


def _stored(row: Any) -> StoredEntry:
    link = None if row.sequence is None else Link(row.sequence, row.previous_hash, row.hash)
    return StoredEntry(_entry(row), link)


def _signed_head(values: Sequence[Any]) -> SignedHead | None:
    sequence, hash_, signature = values
    return None if sequence is None else SignedHead(Head(sequence, hash_), signature)


def _last(row: Any) -> Head | None:
    *_, sequence, hash_ = row
    return None if sequence is None else Head(sequence, hash_)
