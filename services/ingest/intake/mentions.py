"""Where an event mentions people by the exact id, and how the mentions are taken out.

A mention is the id itself: as a text, as a number, or as a name in an object. A text that only contains
the id, a URL for example, is none; ids of events and requests are looked into more closely, because
producers put them together from other ids (`anonymization.py`).
"""

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from libs.catalog.texts import MAX_TEXT_LENGTH

Path = tuple[str, ...]


class People:
    """The ids of one person or several, in the forms in which a value can be one of them. However many
    they are, a value is looked at once."""

    __slots__ = ("integers", "numbers", "texts")

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = frozenset(texts)
        self.integers = {int(text) for text in self.texts if _is_number(text)}
        # As a Struct and a JSON float hold it: a long id is rounded there.
        self.numbers = {float(integer) for integer in self.integers}

    def is_value(self, value: Any) -> bool:
        """Whether a JSON value is one of the ids."""
        kind = type(value)
        if kind is str:
            return value in self.texts
        if kind is int:
            return value in self.integers
        return kind is float and value in self.numbers


def _is_number(text: str) -> bool:
    """Whether an id is a whole number. `int` alone takes `1_0` as well; a rejected event may have an id of
    any length, and `int` does not."""
    return len(text) <= MAX_TEXT_LENGTH and text.removeprefix("-").isdecimal()


@lru_cache(maxsize=50_000)
def person_of(text: str) -> People:
    """The one person with this id; remembered, because people send many events."""
    return People((text,))


def without_mentions(
    properties: dict[str, Any],
    people: People,
    names: Collection[str],
    measures: Collection[Path] = (),
) -> dict[str, Any]:
    """The properties without what is called one of `names` and without mentions of the people, at every
    depth. Numbers at the paths `measures` stay: a score of 50 is no mention of the person `50`."""
    return _clean_object(properties, people, names, measures, ())


def _clean_object(
    found: dict[str, Any],
    people: People,
    names: Collection[str],
    measures: Collection[Path],
    path: Path | None,
) -> dict[str, Any]:
    """`path` leads to the object; None inside of a list, where nothing is a measure."""
    kept = {}
    for name, value in found.items():
        if name in names or name in people.texts:
            continue
        kind = type(value)
        if kind is dict:
            inner = None if path is None else (*path, name)
            value = _clean_object(value, people, names, measures, inner)
        elif kind is list:
            value = _clean_list(value, people, names)
        elif people.is_value(value) and (
            kind is str or path is None or (*path, name) not in measures
        ):
            continue
        kept[name] = value
    return kept


def _clean_list(found: list[Any], people: People, names: Collection[str]) -> list[Any]:
    kept = []
    for value in found:
        kind = type(value)
        if kind is dict:
            value = _clean_object(value, people, names, (), None)
        elif kind is list:
            value = _clean_list(value, people, names)
        elif people.is_value(value):
            continue
        kept.append(value)
    return kept


def clear_mentions(message: Message, people: People) -> None:
    """Clears the texts of a message that are an id of `people`; does not look into messages inside it."""
    for field, value in message.ListFields():
        if type(value) is str and value in people.texts:
            message.ClearField(field.name)


def remove_mentions(struct: Struct, people: People, names: Collection[str]) -> None:
    """`without_mentions` for a `google.protobuf.Struct`, in place."""
    for name, value in list(struct.fields.items()):
        if name in names or name in people.texts or _is_mention(value, people):
            del struct.fields[name]
        else:
            _remove_within(value, people, names)


def _remove_within(value: Value, people: People, names: Collection[str]) -> None:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        remove_mentions(value.struct_value, people, names)
    elif kind == "list_value":
        values = value.list_value.values
        kept = [item for item in values if not _is_mention(item, people)]
        if len(kept) < len(values):
            del values[:]
            values.extend(kept)
        for item in values:
            _remove_within(item, people, names)


def _is_mention(value: Value, people: People) -> bool:
    kind = value.WhichOneof("kind")
    return kind in ("number_value", "string_value") and people.is_value(getattr(value, kind))
