"""Turns one event, written in an app's own words, into Weir's envelope.

Nothing is lost on the way: what the envelope has no place for is kept under `context.extra`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from libs.catalog.event_words import PRIVACY_LEVELS
from libs.catalog.fields import FieldNames, Path
from libs.catalog.model import Catalog, Environment, Producer

_ABSENT: Final = object()
_PRIVACY_LEVELS = frozenset(PRIVACY_LEVELS[1:])
# A person's id is moved out of the properties, where anonymization would not reach it. Everything
# else that is read from there stays as well, because the event's schema may ask for it.
_MOVED = frozenset({"subject_id", "anonymous_id"})


class EnvelopeError(Exception):
    """A document that cannot be an event. `field` is the sender's own word for the field that is
    wrong, `reason` what is wrong with it, without its value."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def to_envelope(catalog: Catalog, document: Mapping[str, object]) -> dict[str, object]:
    """The envelope of `document`, with the names of `weir.common.v1.Event`.

    `occurred_at` stays the text it was, whole numbers become text where the envelope wants text,
    producers and environments become lower-case words. Null counts as absent; absent fields are
    absent from the result, except `properties`, which is always an object. `document` is not
    changed. Raises EnvelopeError when a field has the wrong shape, when `name` is missing, or when
    two words for one field say different things.
    """
    names = catalog.fields
    rest = _copied(document)
    properties = _take_properties(names, rest)
    envelope: dict[str, object] = {}
    # Only what the document's keys can fill is looked for: most fields are absent in most events.
    paths = dict.fromkeys(path for key in document for path in names.by_head.get(key, ()))
    for path in paths:
        value = _find(path, names.words[path], names, rest, properties)
        if value is _ABSENT:
            continue
        parent, _, leaf = path.rpartition(".")
        target = envelope
        if parent:
            target = envelope.setdefault(parent, {})  # type: ignore[assignment]
        target[leaf] = _shaped(path, names, value)
    if "name" not in envelope:
        raise EnvelopeError(names.word("name"), "is missing")
    extra = _leftovers(rest)
    if extra:
        context = envelope.setdefault("context", {})
        assert isinstance(context, dict)
        context["extra"] = extra
    envelope["properties"] = properties
    return envelope


def context_in_properties(
    names: FieldNames, properties: dict[str, object]
) -> Iterator[tuple[str, str]]:
    """The fields of the context that the properties of an event have a value for, as text; the best one of
    each field first."""
    for field, path in names.context_properties:
        value = _peek(properties, path)
        if value is not _ABSENT:
            yield field, str(value)


def _copied(document: Mapping[str, object]) -> dict[str, object]:
    """A copy whose objects can be emptied without touching the sender's."""
    return {
        key: _copied(value) if isinstance(value, Mapping) else value
        for key, value in document.items()
    }


def _take_properties(names: FieldNames, rest: dict[str, object]) -> dict[str, object]:
    for word in names.words["properties"]:
        value = _take(rest, word)
        if value is _ABSENT:
            continue
        if not isinstance(value, dict):
            raise EnvelopeError(".".join(word), "must be an object")
        return value
    return {}


def _find(
    path: str,
    words: tuple[Path, ...],
    names: FieldNames,
    rest: dict[str, object],
    properties: dict[str, object],
) -> object:
    """The value at the first of `words` that has one."""
    found: object = _ABSENT
    for word in words:
        inside = names.inside_properties(word)
        if inside is None:
            value = _take(rest, word)
        elif path in _MOVED:
            value = _take(properties, inside)
        elif found is _ABSENT:
            value = _peek(properties, inside)
        else:
            continue
        if value is _ABSENT:
            continue
        if found is not _ABSENT and str(found) != str(value):
            raise EnvelopeError(".".join(word), f"differs from `{names.word(path)}`")
        found = value
    return found


def _take(tree: dict[str, object], path: Path) -> object:
    """Removes and returns the value at `path`; null counts as absent."""
    for depth, step in enumerate(path[:-1], start=1):
        child = tree.get(step)
        if child is None:
            return _ABSENT
        if not isinstance(child, dict):
            raise EnvelopeError(".".join(path[:depth]), "must be an object")
        tree = child
    value = tree.pop(path[-1], None)
    return _ABSENT if value is None else value


def _peek(tree: dict[str, object], path: Path) -> object:
    """The text or whole number at `path`. Anything else there is the schema's business."""
    here: object = tree
    for step in path:
        # Ingest does this for each event: Mapping would be a slow question.
        here = here.get(step) if isinstance(here, dict) else None
    # And so no bool.
    return here if type(here) is str or type(here) is int else _ABSENT


def _shaped(path: str, names: FieldNames, value: object) -> object:
    word = names.word(path)
    if path == "consent_given":
        if not isinstance(value, bool):
            raise EnvelopeError(word, "must be true or false")
        return value
    if path == "retention_days":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
            raise EnvelopeError(word, "must be a whole number of days")
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise EnvelopeError(word, "must be a text")
    if isinstance(value, int) and path in ("name", "occurred_at", "producer", "environment"):
        raise EnvelopeError(word, "must be a text")
    text = str(value)
    match path:
        case "producer":
            return _one_of(word, names.producers.get(text, text), frozenset(Producer))
        case "environment":
            return _one_of(word, text, frozenset(Environment))
        case "privacy_level":
            return _one_of(word, text, _PRIVACY_LEVELS)
    return text


def _one_of(word: str, text: str, allowed: frozenset[str]) -> str:
    if text.lower() not in allowed:
        raise EnvelopeError(word, f"must be one of {', '.join(sorted(allowed))}")
    return text.lower()


def _leftovers(rest: dict[str, object]) -> dict[str, object]:
    """What no field took. The context's own unknown keys come up one level."""
    context = rest.pop("context", None)
    extra = {key: value for key, value in rest.items() if not _empty(value)}
    if isinstance(context, dict):
        given = context.pop("extra", None)
        parts = [context, given] if isinstance(given, dict) else [context, {"extra": given}]
        for part in parts:
            for key, value in part.items():
                if not _empty(value):
                    extra[key if key not in extra else f"context.{key}"] = value
    elif context is not None:
        raise EnvelopeError("context", "must be an object")
    return extra


def _empty(value: object) -> bool:
    return value is None or value == {}
