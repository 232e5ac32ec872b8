"""What of a filter can be found along an index: the events' names, or one value of an indexed column.

The rest of the filter is then asked of each event that the index leads to.
"""

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial

from libs.common.ids import event_uuid
from libs.events.filtering.fields import FIELDS
from libs.events.filtering.syntax import And, Comparator, Node, Not, Or, Restriction, Value

# Columns with an index of their own, together with the app and the time; those with fewer events first.
_KEYS = ("event_uuid", "subject_id", "person", "group_id")
_UUIDS = frozenset({"event_uuid", "person"})


@dataclass(frozen=True, slots=True)
class Key:
    """A column with an index, and the value that all events found must have in it."""

    column: str
    value: object


def key_of(node: Node | None) -> Key | None:
    """The column by which the events of a filter that compiles are found fastest; None if it asks for no such
    value."""
    wanted: dict[str, object] = {}
    for restriction in _conjuncts(node):
        value = restriction.value
        is_null = value.text == "null" and not value.quoted
        if restriction.comparator is not Comparator.EQUALS or value.is_pattern or is_null:
            continue
        name = ".".join(restriction.path)
        if name == "event_id":
            wanted["event_uuid"] = uuid.UUID(bytes=event_uuid(value.text)[0])
        elif name in FIELDS and FIELDS[name].sql in _KEYS:
            column = FIELDS[name].sql
            wanted[column] = uuid.UUID(value.text) if column in _UUIDS else value.text
    return next((Key(column, wanted[column]) for column in _KEYS if column in wanted), None)


def person_of(node: Node | None) -> str | uuid.UUID | None:
    """Whose events alone a filter that compiles can find, by the app's own id or by the pseudonym; None if it
    asks for no single person."""
    for restriction in _conjuncts(node):
        name, value = ".".join(restriction.path), restriction.value
        column = FIELDS[name].sql if name in FIELDS else ""
        is_null = value.text == "null" and not value.quoted
        if restriction.comparator is not Comparator.EQUALS or value.is_pattern or is_null:
            continue
        if column == "subject_id":
            return value.text
        if column == "person":
            return uuid.UUID(value.text)
    return None


def names_of(node: Node | None) -> frozenset[str] | None:
    """The only names that events found by the filter can have; None if these are not known beforehand."""
    match node:
        case Restriction() if _is_name(node) and node.comparator in (
            Comparator.EQUALS,
            Comparator.HAS,
        ):
            return None if node.value.is_pattern else frozenset({node.value.text})
        case And(parts):
            known = [names for names in map(names_of, parts) if names is not None]
            return frozenset.intersection(*known) if known else None
        case Or(parts):
            each = [names_of(part) for part in parts]
            known = [names for names in each if names is not None]
            return frozenset().union(*known) if len(known) == len(each) else None
    return None


def possible_names(node: Node | None, names: Collection[str]) -> list[str]:
    """Those of the names that events found by the filter can have, sorted."""
    return sorted(name for name in names if node is None or _possible(name, node) is not False)


def _possible(name: str, node: Node) -> bool | None:
    """Whether the filter finds an event of this name; None if that depends on more than the name."""
    match node:
        case And(parts):
            found = list(map(partial(_possible, name), parts))
            return False if False in found else None if None in found else True
        case Or(parts):
            found = list(map(partial(_possible, name), parts))
            return True if True in found else None if None in found else False
        case Not(inner):
            found_inner = _possible(name, inner)
            return None if found_inner is None else not found_inner
        case Restriction() if _is_name(node):
            match node.comparator:
                case Comparator.EQUALS | Comparator.HAS:
                    return _matches(name, node.value)
                case Comparator.DIFFERS:
                    return not _matches(name, node.value)
    return None


def _is_name(restriction: Restriction) -> bool:
    value = restriction.value
    return restriction.path == ("name",) and (value.quoted or value.text != "null")


def _matches(name: str, value: Value) -> bool:
    """Whether the name is the value's pieces with any text between each two.

    Not a regular expression: that one tries all ways to divide a name among the pieces.
    """
    first, *others = value.pieces
    if not others:
        return name == first
    *middle, last = others
    if not name.startswith(first):
        return False
    end = len(first)
    for piece in middle:
        # As early as possible leaves the most for the pieces that follow.
        begin = name.find(piece, end)
        if begin < 0:
            return False
        end = begin + len(piece)
    return len(name) - end >= len(last) and name.endswith(last)


def _conjuncts(node: Node | None) -> Iterator[Restriction]:
    match node:
        case And(parts):
            for part in parts:
                yield from _conjuncts(part)
        case Restriction():
            yield node
