"""The app's own words for the fields of the envelope."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from libs.catalog.source import ATTRIBUTION_FIELDS, CONTEXT_FIELDS, ENTITY_FIELDS

ENVELOPE_PATHS: tuple[str, ...] = (
    "event_id",
    "name",
    "schema_version",
    "occurred_at",
    "producer",
    "environment",
    "subject_id",
    "anonymous_id",
    "session_id",
    "group_id",
    "privacy_level",
    "retention_days",
    "consent_given",
    "idempotency_key",
    "request_id",
    "properties",
    *(f"entity.{field}" for field in ENTITY_FIELDS),
    *(f"context.{field}" for field in CONTEXT_FIELDS),
    *(f"attribution.{field}" for field in ATTRIBUTION_FIELDS),
)
"""Every place in the envelope that a sender can fill, in the proto's names."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldNames:
    """`words` holds, for every path of the envelope, the paths in a sender's document where its
    value is looked for, best first: the app's own words, then the envelope's own name.
    `producers` turns the app's words for producers into Weir's. `by_head` tells which paths of the
    envelope, `properties` apart, a top-level key of a document can fill. `context_properties` are the
    fields of the context whose value may also stand among the properties, each with the path in these."""

    words: Mapping[str, tuple[Path, ...]]
    producers: Mapping[str, str]
    by_head: Mapping[str, tuple[str, ...]]
    context_properties: tuple[tuple[str, Path], ...]

    def word(self, envelope_path: str) -> str:
        """What the app calls this field: the path that senders use, dotted."""
        return ".".join(self.words[envelope_path][0])

    def inside_properties(self, word: Path) -> Path | None:
        """The path inside the properties, if `word` leads there."""
        return _inside(word, self.words["properties"])


def field_names(own: Mapping[str, tuple[str, ...]], producers: Mapping[str, str]) -> FieldNames:
    """The field names of an app whose own words are `own` (dotted, by envelope path)."""
    taken = {word for words in own.values() for word in words}
    words: dict[str, tuple[Path, ...]] = {}
    for path in ENVELOPE_PATHS:
        # The envelope's own name is understood too, unless the app uses it for something else.
        names = list(own.get(path, ()))
        if path not in names and path not in taken:
            names.append(path)
        words[path] = tuple(tuple(name.split(".")) for name in names)
    by_head: dict[str, list[str]] = {}
    for path, candidates in words.items():
        for head in dict.fromkeys(word[0] for word in candidates):
            if path != "properties":
                by_head.setdefault(head, []).append(path)
    return FieldNames(
        words=MappingProxyType(words),
        producers=MappingProxyType(dict(producers)),
        by_head=MappingProxyType({head: tuple(paths) for head, paths in by_head.items()}),
        context_properties=tuple(
            (field, inside)
            for field in CONTEXT_FIELDS
            for word in words[f"context.{field}"]
            if (inside := _inside(word, words["properties"])) is not None
        ),
    )


def _inside(word: Path, properties: tuple[Path, ...]) -> Path | None:
    for prefix in properties:
        if len(word) > len(prefix) and word[: len(prefix)] == prefix:
            return word[len(prefix) :]
    return None
