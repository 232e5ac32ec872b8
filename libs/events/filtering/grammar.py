"""Reads a filter: the grammar of AIP-160 without functions and without values that stand alone.

`AND`, or nothing, between two conditions: both. `OR` binds tighter than `AND`. `NOT` or `-` before one: the
opposite.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from libs.events.filtering.syntax import (
    KEYWORDS,
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_RESTRICTIONS,
    PLAIN_TEXT,
    And,
    Comparator,
    FilterError,
    Node,
    Not,
    Or,
    Restriction,
    Value,
)

# A time has colons, and is one word all the same.
_TIME = (
    r"[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){1,2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_TOKENS = re.compile(
    rf"""(?P<space>\s+)
    | (?P<time>{_TIME})(?![^\s()])
    | (?P<text>{PLAIN_TEXT.pattern})
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<comparator><=|>=|!=|<|>|=|:)
    | (?P<sign>[().,-])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED_OR_STAR = re.compile(r"\\(.)|\*", re.DOTALL)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


def parse_filter(text: str) -> Node | None:
    """The tree of a filter; None for one without any condition. Raises FilterError."""
    if len(text) > MAX_CHARACTERS:
        raise FilterError(f"has more than {MAX_CHARACTERS} characters", MAX_CHARACTERS)
    reader = _Reader(text, list(_tokens(text)))
    if reader.at_end():
        return None
    node = reader.conjunction(0)
    if not reader.at_end():
        raise FilterError(f"unexpected {reader.shown()}", reader.position())
    return node


def _tokens(text: str) -> list[_Token]:
    found = []
    position = 0
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            if text[position] in "\"'":
                raise FilterError("a quote that does not end", position)
            raise FilterError(
                f"`{text[position]}` means nothing here: quote texts that have it", position
            )
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(_Token(kind, match[0], position, match.end()))
        position = match.end()
    return found


class _Reader:
    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._end = len(text)
        self._tokens = tokens
        self._place = 0
        self._restrictions = 0

    def at_end(self) -> bool:
        return self._place == len(self._tokens)

    def position(self) -> int:
        return self._end if self.at_end() else self._tokens[self._place].start

    def shown(self) -> str:
        return "the end" if self.at_end() else f"`{self._tokens[self._place].text}`"

    def conjunction(self, depth: int) -> Node:
        parts = [self._disjunction(depth)]
        while not self.at_end() and not self._is(")"):
            if self._is("OR"):
                raise FilterError("there is no condition before OR", self.position())
            if self._is("AND"):
                self._place += 1
            parts.append(self._disjunction(depth))
        return And(tuple(parts)) if len(parts) > 1 else parts[0]

    def _disjunction(self, depth: int) -> Node:
        parts = [self._term(depth)]
        while self._is("OR"):
            self._place += 1
            parts.append(self._term(depth))
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]

    def _term(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise FilterError(
                f"has more than {MAX_DEPTH} parentheses and negations within each other",
                self.position(),
            )
        if self._is("NOT") or self._is("-"):
            self._place += 1
            return Not(self._term(depth + 1))
        if self._is("("):
            opened = self.position()
            self._place += 1
            inner = self.conjunction(depth + 1)
            if not self._is(")"):
                raise FilterError("a parenthesis that does not end", opened)
            self._place += 1
            return inner
        return self._restriction()

    def _restriction(self) -> Restriction:
        start = self.position()
        self._restrictions += 1
        if self._restrictions > MAX_RESTRICTIONS:
            raise FilterError(f"has more than {MAX_RESTRICTIONS} conditions", start)
        if self._is("AND") or self._is("OR") or not self._at("text", "string", "time"):
            raise FilterError(f"expected a field, found {self.shown()}", start)
        path = self._joined(_unescaped)
        if self._is("("):
            raise FilterError("there are no functions in filters", self.position())
        if not self._at("comparator"):
            raise FilterError(
                f"expected one of {' '.join(Comparator)} after the field, found {self.shown()}",
                self.position(),
            )
        comparator = Comparator(self._take().text)
        return Restriction(path, comparator, self._value(comparator), start)

    def _value(self, comparator: Comparator) -> Value:
        start = self.position()
        sign = ""
        if self._is("-"):
            taken = self._take()
            if self.position() != taken.end:
                raise FilterError("expected a value right after `-`", self.position())
            sign = "-"
        if self._is("("):
            raise FilterError(
                "expected one value: write the field and the comparator before each value", start
            )
        keyword = any(map(self._is, KEYWORDS))
        if keyword or not self._at("text", "string", "time"):
            raise FilterError(f"expected a value after {comparator}, found {self.shown()}", start)
        if self._at("string"):
            if sign:
                raise FilterError("a text has no sign: put it into the quotes", start)
            token = self._take()
            return Value(_pieces(token.text[1:-1]), True, start)
        words = self._joined(lambda token: token.text)
        return Value(tuple((sign + ".".join(words)).split("*")), False, start)

    def _joined(self, read: Callable[[_Token], str]) -> tuple[str, ...]:
        """The parts between dots, which have no space around them."""
        token = self._take()
        found = [read(token)]
        while self._is(".") and self.position() == token.end:
            dot = self._take()
            if not self._at("text", "string", "time") or self.position() != dot.end:
                raise FilterError(f"expected a name after `.`, found {self.shown()}", dot.end)
            token = self._take()
            found.append(read(token))
        return tuple(found)

    def _take(self) -> _Token:
        token = self._tokens[self._place]
        self._place += 1
        return token

    def _at(self, *kinds: str) -> bool:
        return not self.at_end() and self._tokens[self._place].kind in kinds

    def _is(self, text: str) -> bool:
        return self._at("text", "sign") and self._tokens[self._place].text == text


def _unescaped(token: _Token) -> str:
    return "*".join(_pieces(token.text[1:-1])) if token.kind == "string" else token.text


def _pieces(quoted: str) -> tuple[str, ...]:
    """The text between quotes, without the backslashes that protect a character, split at each `*`."""
    pieces = [""]
    position = 0
    for match in _ESCAPED_OR_STAR.finditer(quoted):
        pieces[-1] += quoted[position : match.start()] + (match[1] or "")
        if match[1] is None:
            pieces.append("")
        position = match.end()
    pieces[-1] += quoted[position:]
    return tuple(pieces)
