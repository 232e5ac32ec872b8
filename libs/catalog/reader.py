"""Reads one mapping of a catalog, key by key, and notes what is not as it should be.

Every reading method gives a usable value even when the catalog is wrong, so that the compiler can
go on and find the next mistake.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from libs.catalog.durations import DAY, parse_duration
from libs.catalog.problems import ProblemList, did_you_mean
from libs.catalog.texts import is_name
from libs.catalog.yaml_nodes import Node

E = TypeVar("E", bound=StrEnum)


class Section:
    """One mapping of the catalog. `where` is its dotted path, for the reasons."""

    def __init__(self, node: Node, where: str, problems: ProblemList) -> None:
        self.node = node
        self.line = node.line
        self.where = where
        self.problems = problems
        self.values: Mapping[str, Node] = {}
        if isinstance(node.value, Mapping):
            self.values = node.value
        elif node.value is not None:
            self.complain("must be a mapping of keys to values")

    def complain(self, reason: str, key: str | None = None) -> None:
        """Notes a problem with the section, or with one of its keys."""
        node = self.values.get(key) if key is not None else None
        line = node.line if node is not None else self.line
        path = ".".join(part for part in (self.where, key) if part)
        self.problems.add(line, f"{path}: {reason}" if path else reason)

    def only(self, known: Iterable[str]) -> None:
        """Notes every key that is not `known`. Keys that begin with `x-` are notes to oneself."""
        known = tuple(known)
        for key, node in self.values.items():
            if key not in known and not key.startswith("x-"):
                path = f"{self.where}: " if self.where else ""
                self.problems.add(node.line, f"{path}unknown key `{key}`{did_you_mean(key, known)}")

    def check_name(self, kind: str, name: str) -> None:
        """Notes a name of this section that is none for a `kind` of thing."""
        if not is_name(name):
            self.complain(f"the name of a {kind} is a-z, 0-9 and `_`, beginning with a letter")

    def has(self, key: str) -> bool:
        return key in self.values

    def child(self, key: str) -> "Section":
        """The mapping under `key`; an empty one when it is absent."""
        node = self.values.get(key) or Node(self.line, None)
        return Section(node, f"{self.where}.{key}" if self.where else key, self.problems)

    def children(self) -> Iterable[tuple[str, "Section"]]:
        """Every key with the mapping under it, in the order of the file."""
        for key in self.values:
            yield key, self.child(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty. Without a default it is required."""
        node = self.values.get(key)
        if node is None:
            if default is None:
                self.complain(f"`{key}` is missing")
            return default or ""
        if isinstance(node.value, str) and node.value.strip():
            return node.value.strip()
        self.complain("must be a text", key)
        return default or ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one. Absent: empty."""
        node = self.values.get(key)
        if node is None:
            return ()
        items: Sequence[Node] = node.value if isinstance(node.value, tuple) else (node,)
        path = f"{self.where}.{key}" if self.where else key
        found = []
        for item in items:
            if isinstance(item.value, str) and item.value:
                found.append(item.value)
            else:
                self.problems.add(item.line, f"{path}: must be a list of texts")
        return tuple(found)

    def choice(self, key: str, kind: type[E], default: E | None = None) -> E | None:
        """One word of an enum. Without a default it is required; None when it is wrong."""
        if not self.has(key) and default is not None:
            return default
        word = self.text(key)
        if not word:
            return default
        try:
            return kind(word)
        except ValueError:
            words = [str(member) for member in kind]
            self.complain(f"`{word}` is not one of {', '.join(words)}", key)
            return default

    def flag(self, key: str, default: bool = False) -> bool:
        """`true` or `false`; the default when it is absent or wrong."""
        node = self.values.get(key)
        if node is None:
            return default
        if isinstance(node.value, bool):
            return node.value
        self.complain("must be true or false", key)
        return default

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number between `low` and `high`; None when it is absent or wrong."""
        node = self.values.get(key)
        if node is None:
            return None
        value = node.value
        # In Python true is 1; in a catalog it is not a number.
        if not isinstance(value, bool) and isinstance(value, (int, float)) and low <= value <= high:
            return float(value)
        self.complain(f"must be a number from {low:g} to {high:g}", key)
        return None

    def whole(self, key: str, low: float, high: float) -> int | None:
        """The same for a whole number."""
        number = self.number(key, low, high)
        if number is None:
            return None
        if not number.is_integer():
            self.complain("must be a whole number", key)
        return int(number)

    def seconds(self, key: str, default: int) -> int:
        """A length of time of at least a second, such as `24h` or `60s`."""
        seconds = self._duration(key)
        if seconds is None:
            return default
        if seconds < 1:
            self.complain("must be at least one second", key)
        return seconds

    def days(self, key: str, least: int = 1) -> int | None:
        """A length of time in whole days, such as `90d` or `5y`. None for `keep` or absent."""
        node = self.values.get(key)
        if node is None or node.value == "keep":
            return None
        seconds = self._duration(key)
        if seconds is None:
            return None
        if seconds % DAY or seconds // DAY < least:
            self.complain(f"must be whole days, at least {least}, or `keep`", key)
            return None
        return seconds // DAY

    def _duration(self, key: str) -> int | None:
        node = self.values.get(key)
        if node is None:
            return None
        try:
            return parse_duration(str(node.value) if isinstance(node.value, str) else "")
        except ValueError:
            self.complain("must be a length of time such as 60s, 10m, 24h, 90d or 5y", key)
            return None
