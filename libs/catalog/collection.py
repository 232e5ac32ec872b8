"""What of an event may be stored at all, whatever its person agreed to."""

from dataclasses import dataclass
from enum import StrEnum

from libs.catalog.reader import Section


class Properties(StrEnum):
    """Which properties an event may have."""

    # Those that its schema does not rule out.
    ANY = "any"
    # Those that its schema names, unless it says otherwise itself.
    DECLARED = "declared"


class PersonalData(StrEnum):
    """What becomes of an event with an e-mail address or the like in a place that is not marked."""

    REFUSE = "refuse"
    REDACT = "redact"
    FLAG = "flag"


class SessionIds(StrEnum):
    """How the session ids of an app are stored."""

    AS_SENT = "as_sent"
    # As keyed hashes.
    HASHED = "hashed"


@dataclass(frozen=True, slots=True)
class Collection:
    """What of the events of one app is stored. Of properties and values of the context called one of
    `hashed`, and of ids of entities of such a type, only keyed hashes are. `context` has the names of the
    context's values that are stored; None: all."""

    # Whether every session is stored as a keyed hash.
    hashes_sessions: bool = False
    hashed: frozenset[str] = frozenset()
    # The names as they stand in JSON.
    hashed_marks: tuple[bytes, ...] = ()
    # Whether events have the properties only that the catalog declares.
    takes_declared_only: bool = False
    context: frozenset[str] | None = None
    # None: nothing looks for any.
    personal_data: PersonalData | None = None


def compile_collection(section: Section) -> Collection:
    """What the catalog says, with the defaults for what it does not."""
    section.only(("session_id", "hashed", "properties", "context", "personal_data"))
    hashed = frozenset(section.texts("hashed"))
    session_ids = section.choice("session_id", SessionIds, SessionIds.AS_SENT)
    properties = section.choice("properties", Properties, Properties.ANY)
    return Collection(
        hashes_sessions=session_ids is SessionIds.HASHED,
        hashed=hashed,
        hashed_marks=tuple(f'"{name}"'.encode() for name in sorted(hashed)),
        takes_declared_only=properties is Properties.DECLARED,
        context=kept_context(section),
        personal_data=personal_data(section),
    )


def kept_context(section: Section) -> frozenset[str] | None:
    """The names under `context`; None if the section has no such key."""
    return frozenset(section.texts("context")) if section.has("context") else None


def personal_data(section: Section) -> PersonalData | None:
    """What is done about personal data in unmarked places; None if the section has no such key."""
    return section.choice("personal_data", PersonalData) if section.has("personal_data") else None
