"""The audit trail in Postgres: entries are added, chained once, and read."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.audit import AuditEntry, Caller
from libs.common.clock import EPOCH, moment_of
from services.privacy.audit.chain import ChainKey, Head, Link
from services.privacy.audit.continuing import first_head
from services.privacy.audit.model import EntryCursor, EntryQuery, SignedHead, StoredEntry

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
UNCHAINED = text(
    f"""
    SELECT {_ENTRY} FROM privacy.audit_entries WHERE sequence IS NULL
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
COUNT_UNCHAINED = text(
    "SELECT count(*) FROM privacy.audit_entries WHERE app_id = :app_id AND sequence IS NULL"
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

    async def by_sequence(self, app_id: str, after: int, limit: int) -> Sequence[StoredEntry]:
        """Chained entries behind the sequence `after`, in the order of the chain."""
        async with self._engine.connect() as connection:
            rows = await connection.execute(
                BY_SEQUENCE, {"app_id": app_id, "after": after, "limit": limit}
            )
            return list(map(_stored, rows))

    async def end(self, app_id: str) -> tuple[SignedHead | None, int]:
        """The head that is stored beside the entries, and how many of these are not chained yet."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(ENDS, {"apps": [app_id]})).one()
            unchained = await connection.scalar(COUNT_UNCHAINED, {"app_id": app_id})
        return _signed_head(row), int(unchained or 0)

    async def has_unchained(self) -> bool:
        """Whether there are entries that are not chained."""
        async with self._probing.connect() as connection:
            return bool(await connection.scalar(HAS_UNCHAINED))

    async def chain(
        self, key: ChainKey, published: Mapping[str, SignedHead]
    ) -> Mapping[str, SignedHead]:
        """Chains the oldest entries that are not chained, CHAINED_AT_A_TIME at most, behind the ends of their
        chains: the new heads by app. None if there are none, or another process is at it. `published` are the
        newest heads that are known from outside of the database."""
        async with self._engine.begin() as connection:
            if not await connection.scalar(LOCK_CHAINS):
                return {}
            # In a statement of its own, so that it sees what the process before has committed.
            entries = [_entry(row) for row in await connection.execute(UNCHAINED)]
            if not entries:
                return {}
            apps = sorted({entry.app_id for entry in entries})
            heads = {
                row[0]: first_head(
                    key, row[0], _signed_head(row), published.get(row[0]), _last(row)
                )
                for row in await connection.execute(ENDS, {"apps": apps})
            }
            links: list[Link] = []
            for entry in entries:
                link = key.link(entry, heads[entry.app_id])
                heads[entry.app_id] = Head(link.sequence, link.hash)
                links.append(link)
            signed = {
                app_id: SignedHead(head, key.signature(app_id, head))
                for app_id, head in heads.items()
            }
            await connection.execute(CHAIN, _chain_values(entries, links))
            await connection.execute(
                SET_HEAD,
                [
                    {
                        "app_id": app_id,
                        "sequence": each.head.sequence,
                        "hash": each.head.hash,
                        "signature": each.signature,
                    }
                    for app_id, each in signed.items()
                ],
            )
        return signed


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
        occurred_at_us=_microseconds(row.occurred_at),
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


def _signed_head(row: Any) -> SignedHead | None:
    _, sequence, hash_, signature, *_ = row
    return None if sequence is None else SignedHead(Head(sequence, hash_), signature)


def _last(row: Any) -> Head | None:
    *_, sequence, hash_ = row
    return None if sequence is None else Head(sequence, hash_)


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
