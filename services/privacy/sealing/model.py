"""The keys of people as they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.sealing.keyring import WrappedKey


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key of a person that is not destroyed; it may be retired."""

    key_id: UUID
    app_id: str
    person: UUID
    wrapped: WrappedKey


@dataclass(frozen=True, slots=True)
class KeyOfPerson:
    """The key that a person has now, None without one; and until when nothing is sealed any more that had
    occurred, because a key was retired or destroyed then: None if none ever was."""

    key: StoredKey | None
    retired_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyCounts:
    """How many keys each wrapping key wraps, by its id, and how many people have a destroyed one."""

    wrapped: Mapping[str, int]
    destroyed: int


def row_of(app_id: str, person: UUID, key_id: UUID) -> bytes:
    """What is authenticated with a wrapped key: it can be unwrapped in its own row only."""
    return b"weir/subject_key/v1\x00" + app_id.encode() + b"\x00" + person.bytes + key_id.bytes
