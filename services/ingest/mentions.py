"""Where an event mentions a person by the exact id, and how the mention is taken out.

A mention is the id itself: as a text, as a number, or as a name in an object. A text that only contains
the id, a URL for example, is none; ids of events and requests are looked into more closely, because
producers put them together from other ids (`anonymization.py`).
"""

from collections.abc import Collection
from functools import lru_cache
from typing import Any

Path = tuple[str, ...]


class PersonId:
    """One person's id, in the forms in which a value can be that id."""

    __slots__ = ("integer", "number", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.integer = _parsed(int, text)
        # As a Struct and a JSON float hold it: a long id is rounded there.
        self.number = _parsed(float, text)

    def is_value(self, value: Any) -> bool:
        """Whether a JSON value is the id."""
        kind = type(value)
        if kind is str:
            return bool(value == self.text)
        if kind is int:
            return bool(value == (self.number if self.integer is None else self.integer))
        return kind is float and bool(value == self.number)


person_of = lru_cache(maxsize=50_000)(PersonId)
"""The PersonId of a text; people send many events."""


def without_mentions(
    properties: dict[str, Any],
    person: PersonId,
    names: Collection[str],
    measures: Collection[Path] = (),
) -> dict[str, Any]:
    """The properties without what is called one of `names` and without mentions of the person, at every
    depth. Numbers at the paths `measures` stay: a score of 50 is no mention of the person `50`."""
    return _clean_object(properties, person, names, measures, ())


def _clean_object(
    found: dict[str, Any],
    person: PersonId,
    names: Collection[str],
    measures: Collection[Path],
    path: Path | None,
) -> dict[str, Any]:
    """`path` leads to the object; None inside of a list, where nothing is a measure."""
    kept = {}
    for name, value in found.items():
        if name in names or name == person.text:
            continue
        kind = type(value)
        if kind is dict:
            inner = None if path is None else (*path, name)
            value = _clean_object(value, person, names, measures, inner)
        elif kind is list:
            value = _clean_list(value, person, names)
        elif person.is_value(value) and (
            kind is str or path is None or (*path, name) not in measures
        ):
            continue
        kept[name] = value
    return kept


def _clean_list(found: list[Any], person: PersonId, names: Collection[str]) -> list[Any]:
    kept = []
    for value in found:
        kind = type(value)
        if kind is dict:
            value = _clean_object(value, person, names, (), None)
        elif kind is list:
            value = _clean_list(value, person, names)
        elif person.is_value(value):
            continue
        kept.append(value)
    return kept


def clear_mentions(message: Any, person: PersonId) -> None:
    """Clears the texts of a message that are the person's id; does not look into messages inside it."""
    for field, value in message.ListFields():
        if value == person.text:
            message.ClearField(field.name)


def remove_mentions(struct: Any, person: PersonId, names: Collection[str]) -> None:
    """`without_mentions` for a `google.protobuf.Struct`, in place."""
    for name, value in list(struct.fields.items()):
        if name in names or name == person.text or _is_mention(value, person):
            del struct.fields[name]
        else:
            _remove_within(value, person, names)


def _remove_within(value: Any, person: PersonId, names: Collection[str]) -> None:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        remove_mentions(value.struct_value, person, names)
    elif kind == "list_value":
        values = value.list_value.values
        kept = [item for item in values if not _is_mention(item, person)]
        if len(kept) < len(values):
            del values[:]
            values.extend(kept)
        for item in values:
            _remove_within(item, person, names)


def _is_mention(value: Any, person: PersonId) -> bool:
    kind = value.WhichOneof("kind")
    return kind in ("number_value", "string_value") and person.is_value(getattr(value, kind))


def _parsed(kind: type[int] | type[float], text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return None
