"""Where a rollup finds a value: in the envelope, the context, the properties, or the person."""

from dataclasses import dataclass
from enum import StrEnum

from libs.catalog.enrichment import ENRICHED_SOURCES
from libs.catalog.problems import did_you_mean

# Another word for the subject, which no app has for its own ids.
PERSON = "person"
ENVELOPE_FIELDS = (
    "group_id",
    "name",
    "producer",
    "environment",
    "schema_version",
    "session_id",
)
CONTEXT_FIELDS = (
    "user_agent",
    "ip",
    "platform",
    "device_type",
    "app_version",
    "locale",
    "timezone",
    "page_url",
    "referrer",
    "assignment_id",
    "sequence_id",
    "class_id",
    "teacher_id",
)
ATTRIBUTION_FIELDS = ("source", "medium", "campaign", "term", "content")
ENTITY_FIELDS = ("type", "id")


class SourceKind(StrEnum):
    """Which part of the event holds the value."""

    SUBJECT = "subject"  # the person: the pseudonym of the subject, else the anonymous id
    ENVELOPE = "envelope"  # a field of the envelope itself
    ENTITY = "entity"
    CONTEXT = "context"  # a typed field of the context
    ATTRIBUTION = "attribution"
    ENRICHED = "enriched"  # what enrichment found out: country, device, system, browser, versions
    PROPERTY = "property"


@dataclass(frozen=True, slots=True)
class Source:
    """`kind` says which part of the event, `path` the way inside it: `("group_id",)` in the
    envelope, `("mission", "type")` for `properties.mission.type`, `("subject",)` for the person."""

    kind: SourceKind
    path: tuple[str, ...]

    def __str__(self) -> str:
        dotted = ".".join(self.path)
        match self.kind:
            case SourceKind.PROPERTY:
                return f"properties.{dotted}"
            case SourceKind.ENTITY | SourceKind.CONTEXT | SourceKind.ATTRIBUTION:
                return f"{self.kind}.{dotted}"
        return dotted


# Of the context's fields the one whose value is a person's id.
TEACHER = Source(SourceKind.CONTEXT, ("teacher_id",))
_PREFIXES = {
    "entity": (SourceKind.ENTITY, ENTITY_FIELDS),
    "context": (SourceKind.CONTEXT, CONTEXT_FIELDS),
    "attribution": (SourceKind.ATTRIBUTION, ATTRIBUTION_FIELDS),
}


def parse_source(text: str) -> Source:
    """The source that `text` names. Raises ValueError with the reason for anything else."""
    head, *rest = text.split(".")
    if not all([head, *rest]):
        raise ValueError(f"`{text}` is not a path")
    if head == "properties":
        if not rest:
            raise ValueError("`properties` needs the name of a property")
        return Source(SourceKind.PROPERTY, tuple(rest))
    if head in _PREFIXES:
        kind, fields = _PREFIXES[head]
        if len(rest) == 1 and rest[0] in fields:
            return Source(kind, (rest[0],))
        known = [f"{head}.{field}" for field in fields]
        raise ValueError(f"`{text}` is not one of {', '.join(known)}{did_you_mean(text, known)}")
    if text in ("subject", PERSON):
        return Source(SourceKind.SUBJECT, ("subject",))
    if text in ENVELOPE_FIELDS:
        return Source(SourceKind.ENVELOPE, (text,))
    if text in ENRICHED_SOURCES:
        return Source(SourceKind.ENRICHED, (text,))
    known = ["subject", PERSON, *ENVELOPE_FIELDS, *ENRICHED_SOURCES, "properties.<name>"]
    raise ValueError(f"`{text}` is not a field of an event{did_you_mean(text, known)}")
