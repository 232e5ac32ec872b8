"""What a filter is made of: the tree, its limits, and the error that says which place is at fault."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

MAX_CHARACTERS = 4_096
MAX_RESTRICTIONS = 50
# Of parentheses and negations within each other.
MAX_DEPTH = 20
KEYWORDS = frozenset({"AND", "OR", "NOT"})
# What a text without quotes may consist of. A `-` in front would be a negation.
PLAIN_TEXT = re.compile(r"""[^\s()"'<>=!:,.\\-][^\s()"'<>=!:,.\\]*""")


class FilterError(ValueError):
    """A filter that means nothing; `position` is the place at fault, counted in characters from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class Comparator(StrEnum):
    """How a field is compared with a value."""

    EQUALS = "="
    DIFFERS = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    HAS = ":"


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was written. Quotes make a text of what would be a number, `true`, `false` or `null`.

    `pieces` is the text, split at each `*` that stands for any characters: one piece if there is none.
    """

    pieces: tuple[str, ...]
    quoted: bool
    position: int = 0

    @property
    def text(self) -> str:
        """The whole text, `*` as it was written."""
        return "*".join(self.pieces)

    @property
    def is_pattern(self) -> bool:
        """Whether it has a `*` that stands for any characters."""
        return len(self.pieces) > 1

    def __str__(self) -> str:
        if self.quoted:
            return '"' + "*".join(map(_escaped, self.pieces)) + '"'
        return self.text


@dataclass(frozen=True, slots=True)
class Restriction:
    """A field, by its path, compared with a value."""

    path: tuple[str, ...]
    comparator: Comparator
    value: Value
    position: int = 0

    def __str__(self) -> str:
        return f"{'.'.join(map(_segment, self.path))} {self.comparator} {self.value}"


@dataclass(frozen=True, slots=True)
class Not:
    """What the inner filter does not find."""

    inner: "Node"

    def __str__(self) -> str:
        return f"NOT {_grouped(self.inner)}"


@dataclass(frozen=True, slots=True)
class And:
    """What all of the filters find; two of them at least."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " AND ".join(map(_grouped, self.parts))


@dataclass(frozen=True, slots=True)
class Or:
    """What one of the filters finds; two of them at least."""

    parts: tuple["Node", ...]

    def __str__(self) -> str:
        return " OR ".join(map(_grouped, self.parts))


Node = Restriction | Not | And | Or


def restrictions(node: Node | None) -> Iterator[Restriction]:
    """All conditions of a filter, in their order."""
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from restrictions(part)
        case Not(inner):
            yield from restrictions(inner)
        case Restriction():
            yield node


def _grouped(node: Node) -> str:
    return f"({node})" if isinstance(node, And | Or) else str(node)


def _segment(name: str) -> str:
    if PLAIN_TEXT.fullmatch(name) and name not in KEYWORDS and "*" not in name:
        return name
    return f'"{_escaped(name)}"'


def _escaped(text: str) -> str:
    return re.sub(r'["\\*]', r"\\\g<0>", text)
