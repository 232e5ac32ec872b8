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

    session_id: SessionIds = SessionIds.AS_SENT
    hashed: frozenset[str] = frozenset()
    # The names as they stand in JSON.
    hashed_marks: tuple[bytes, ...] = ()
    properties: Properties = Properties.ANY
    context: frozenset[str] | None = None
    # None: nothing looks for any.
    personal_data: PersonalData | None = None

    @property
    def hashes_sessions(self) -> bool:
        """Whether every session is stored as a keyed hash."""
        return self.session_id is SessionIds.HASHED

    @property
    def takes_declared_only(self) -> bool:
        """Whether events have the properties only that the catalog declares."""
        return self.properties is Properties.DECLARED


def compile_collection(section: Section) -> Collection:
    """What the catalog says, with the defaults for what it does not."""
    section.only(("session_id", "hashed", "properties", "context", "personal_data"))
    default = Collection()
    hashed = frozenset(section.texts("hashed"))
    return Collection(
        session_id=section.choice("session_id", SessionIds, default.session_id)
        or default.session_id,
        hashed=hashed,
        hashed_marks=tuple(f'"{name}"'.encode() for name in sorted(hashed)),
        properties=section.choice("properties", Properties, default.properties)
        or default.properties,
        context=kept_context(section),
        personal_data=section.choice("personal_data", PersonalData)
        if section.has("personal_data")
        else None,
    )


def kept_context(section: Section) -> frozenset[str] | None:
    """The names under `context`; None if the section has no such key."""
    return frozenset(section.texts("context")) if section.has("context") else None
