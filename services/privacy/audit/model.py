"""The values of the audit trail; all of them immutable."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from libs.audit import AuditEntry
from services.privacy.audit.chain import Head, Link


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as it is stored; `link` is None until it is chained."""

    entry: AuditEntry
    link: Link | None


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head, and what the service signed it with."""

    head: Head
    signature: bytes


@dataclass(frozen=True, slots=True)
class ChainPart:
    """Some of an app's chained `entries`, in the order of the chain; the checkpoint behind which what is left
    of the chain begins, and its head, each None if there is none; and how many entries are not chained."""

    checkpoint: SignedHead | None
    head: SignedHead | None
    unchained: int
    entries: Sequence[StoredEntry]


class EntryCursor(NamedTuple):
    """A place in a list of entries, the newest first: behind this one. Microseconds since 1970."""

    occurred_at_us: int
    entry_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class EntryQuery:
    """Which entries of an app. Times in microseconds since 1970, from the first and before the second; empty
    texts choose nothing, `subjects` are the pseudonyms of one person, None for entries about all."""

    app_id: str
    from_us: int | None = None
    to_us: int | None = None
    actor: str = ""
    action: str = ""
    subjects: Sequence[str] | None = None
