"""Finds and removes mentions of people in an event.

A mention is a person's exact id: as a text, as a number, or as a name in an object. Inside a longer text, a
URL for example, an id is a mention if it is long enough not to stand there by chance, also in a form
of `encoded_ids`. Ids of events and requests are treated more strictly, because producers compose them of
other ids: `reveals_person`.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any

from libs.catalog.texts import MAX_TEXT_LENGTH
from libs.common.encoded_ids import encoded_forms, encoded_pattern
from libs.common.ids import event_uuid

Path = tuple[str, ...]
# So long an id does not stand in a text by chance.
_LONG_ID = 12
# Of a long id: one character of it percent-encoded. In Base64 it has 15 and more.
_SHORTEST_FORM = 14
# What stands in a text in the place of a long id.
REDACTED = "[person]"


class PersonIds:
    """The ids of one person or of several, in the forms in which a value can be one of them. To compare a
    value takes the same time for any number of ids."""

    __slots__ = ("_encoded", "_long", "integers", "numbers", "texts")

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = frozenset(texts)
        self.integers = {int(text) for text in self.texts if _is_number(text)}
        # As a Struct and a JSON float hold it: a long id is rounded there.
        self.numbers = {float(integer) for integer in self.integers}
        # Of two ids, one of which contains the other, the longer one first.
        self._long = sorted(filter(is_long_id, self.texts), key=len, reverse=True)
        # The forms of those: made when a text is long enough to have one.
        self._encoded: Sequence[str] | None = None

    def is_value(self, value: Any) -> bool:
        """Whether a JSON value is one of the ids."""
        kind = type(value)
        if kind is str:
            return value in self.texts
        if kind is int:
            return value in self.integers
        return kind is float and value in self.numbers

    def is_in(self, text: str) -> bool:
        """Whether one of the ids that are long enough stands in a text."""
        # A loop, as below.
        for person_id in self._long:
            if person_id in text:
                return True
        return self.is_encoded_in(text)

    def is_encoded_in(self, text: str) -> bool:
        """Whether one of the ids that are long enough stands in a text encoded."""
        if len(text) < _SHORTEST_FORM:
            return False
        if self._encoded is None:
            self._encoded = [form for each in self._long for form in forms_of(each)[1:]]
        # A loop, because this is done for each long text of an event.
        for form in self._encoded:  # noqa: SIM110
            if form in text:
                return True
        return False

    def long_ones(self) -> "PersonIds":
        """Those that mean a person wherever they stand."""
        return self if len(self._long) == len(self.texts) else PersonIds(self._long)

    def replaced(self, text: str, stand_in: Callable[[str], str]) -> str:
        """The text with the `stand_in` for an id in its place: for the id that the text is, or for each of at
        least 12 characters that it has, encoded or not."""
        if text in self.texts:
            return stand_in(text)
        if not self._long or not self.is_in(text):
            return text
        for person_id in self._long:
            text = ids_of(person_id).redacted(text, stand_in(person_id))
        return text

    def redacted(self, text: str, mark: str = REDACTED) -> str:
        """The text with `mark` in the place of each id of at least 12 characters, encoded or not."""
        for person_id in self._long:
            if person_id in text:
                text = text.replace(person_id, mark)
        if self.is_encoded_in(text):
            for person_id in self._long:
                text = _pattern_of(person_id).sub(mark, text)
        return text


def is_long_id(person_id: str) -> bool:
    """Whether a text that is, or has, this id means the person: shorter ones stand there by chance."""
    return len(person_id) >= _LONG_ID


def forms_of(person_id: str) -> Sequence[str]:
    """The id, and if it is long how it may stand in a text encoded: a text with the id has one of them."""
    return (person_id, *(encoded_forms(person_id) if is_long_id(person_id) else ()))


def in_json(text: str) -> Sequence[str]:
    """How a text may stand in JSON, as itself or as writers escape what is not ASCII, and the `/`."""
    found = (text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1])
    return tuple(dict.fromkeys((*found, *(each.replace("/", r"\/") for each in found))))


def _is_number(text: str) -> bool:
    """Whether an id is a whole number. `int` alone accepts `1_0` as well, and raises for very long numbers,
    which a rejected event may have."""
    return len(text) <= MAX_TEXT_LENGTH and text.removeprefix("-").isdecimal()


# For those that were found.
_pattern_of = lru_cache(maxsize=64)(encoded_pattern)


# Enough for the visits under way: an entry takes 1.5 kB with the forms of an id.
@lru_cache(maxsize=4096)
def ids_of(person_id: str) -> PersonIds:
    """PersonIds of one person; cached, because people send many events."""
    return PersonIds((person_id,))


def names_person(value: Any, people: PersonIds, measures: Collection[Path] = ()) -> bool:
    """Whether a JSON value is a mention of the people, or has one at any depth. Numbers at the paths
    `measures` are none."""
    left: list[tuple[Any, Path | None]] = [(value, ())]
    # No recursion: what was rejected may be nested deeper than Python goes.
    while left:
        found, path = left.pop()
        kind = type(found)
        if kind is dict:
            for name, inner in found.items():
                if name in people.texts or people.is_in(name):
                    return True
                left.append((inner, _inner_path(path, name, measures)))
        elif kind is list:
            left.extend((inner, None) for inner in found)
        elif kind is str:
            if people.is_value(found) or people.is_in(found):
                return True
        elif people.is_value(found) and (path is None or path not in measures):
            return True
    return False


def _inner_path(path: Path | None, name: str, measures: Collection[Path]) -> Path | None:
    """The path of a member of the object at `path`; None if no measure is there."""
    return None if path is None or not measures else (*path, name)


def properties_without_mentions(
    properties: dict[str, Any],
    people: PersonIds,
    names: Collection[str],
    measures: Collection[Path] = (),
) -> dict[str, Any]:
    """A copy of the properties without those called one of `names` and without mentions of the people, at
    every depth. Numbers at the paths `measures` stay: a score of 50 does not mention the person `50`."""
    return _clean_object(properties, people, names, measures, ())


def _clean_object(
    found: dict[str, Any],
    people: PersonIds,
    names: Collection[str],
    measures: Collection[Path],
    path: Path | None,
) -> dict[str, Any]:
    """`path` leads to the object; None inside a list, which has no measures."""
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
        elif kind is str:
            value = people.redacted(value)
        kept[people.redacted(name)] = value
    return kept


def _clean_list(found: list[Any], people: PersonIds, names: Collection[str]) -> list[Any]:
    kept = []
    for value in found:
        kind = type(value)
        if kind is dict:
            value = _clean_object(value, people, names, (), None)
        elif kind is list:
            value = _clean_list(value, people, names)
        elif people.is_value(value):
            continue
        elif kind is str:
            value = people.redacted(value)
        kept.append(value)
    return kept


def reveals_person(composed_id: str, person_id: str) -> bool:
    """Whether the id of an event or a request contains a person's, a long one also encoded. A UUID contains a
    short id by chance, so it reveals only the person whose id is that UUID."""
    if person_id not in composed_id:
        return ids_of(person_id).is_encoded_in(composed_id)
    return person_id == composed_id or not event_uuid(composed_id)[1]


def reveals_one(composed_id: str, people: PersonIds) -> bool:
    """Whether the id of an event or a request contains an id of one of the people."""
    # A loop, because this is done for each event without its person.
    for person_id in people.texts:  # noqa: SIM110
        if reveals_person(composed_id, person_id):
            return True
    return False
