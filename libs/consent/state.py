"""One person's consent as it is kept in Redis: `12;9:1790000000000000,:1795000000000000 -mail +telemetry`.

The first number is the version: of two states of one person, the one with the higher version is newer. Then
comes, for each purpose that the person has answered, a word: `+` granted, `-` denied, `~` withdrawn, `!`
objected; before a `+`, `g` says that a guardian granted it, and `t` that it has an end of its own. The words
are sorted by purpose, so that equal choices are equal bytes; what follows from them is remembered by these
bytes. Before them stand `*` if the processing of the person's data is restricted, and the age band as
`=under_13`.

What differs from person to person stands before the words, for each of them in their order: the version of
the recording that says it (empty: that of the state), when it was recorded, and when it ends, if it has an
end of its own; both in microseconds since 1970. Behind those of all
words stands that of the restriction, if there is one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple


class Status(IntEnum):
    """How a person stands to a purpose. The numbers are those of `weir.privacy.v1.ConsentStatus`; UNKNOWN and
    EXPIRED are never recorded, they follow from what is."""

    UNKNOWN = 1
    GRANTED = 2
    DENIED = 3
    WITHDRAWN = 4
    OBJECTED = 5
    EXPIRED = 6


# The purpose of what is kept of an erased person: a "no" to every purpose, also to those that a catalog
# declares later. An answer to a purpose of its own comes before it.
ALL_PURPOSES = "#"

_SIGNS = {Status.GRANTED: "+", Status.DENIED: "-", Status.WITHDRAWN: "~", Status.OBJECTED: "!"}
_STATUSES = {sign: status for status, sign in _SIGNS.items()}
_WORD = re.compile(r"(g?)(t?)([-+~!])(\S+)")
_RESTRICTED = "*"
_AGE_BAND = re.compile(r"=(\S+)")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person has answered to one purpose. `version` is that of the recording, 0 for the state's own;
    `expires_at_us` is the end that the recording gave to a grant, None if it gave none; `by_guardian`: a
    guardian has granted it."""

    status: Status
    version: int = 0
    recorded_at_us: int = 0
    expires_at_us: int | None = None
    by_guardian: bool = False

    @property
    def granted(self) -> bool:
        return self.status is Status.GRANTED


@dataclass(frozen=True, slots=True)
class Restriction:
    """That the processing of a person's data is restricted. `version` is that of the recording, 0 for the
    state's own."""

    version: int = 0
    recorded_at_us: int = 0


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What a person has answered, by purpose, and their age band; empty if it is not known. With a
    `restriction`, none of the answers counts. Immutable."""

    version: int
    choices: Mapping[str, Choice]
    age_band: str = ""
    restriction: Restriction | None = None


class Word(NamedTuple):
    """What the words of a state say about one purpose; `ends`: the grant has an end of its own."""

    purpose: str
    status: Status
    by_guardian: bool
    ends: bool


class Words(NamedTuple):
    """All words of a state, in their order."""

    age_band: str
    choices: tuple[Word, ...]
    restricted: bool = False


class Detail(NamedTuple):
    """What stands before the words for one of them; `version` and `recorded_at_us` are 0 if they do not."""

    version: int
    recorded_at_us: int
    expires_at_us: int | None


def encode_state(state: ConsentState) -> bytes:
    """The text to store. Raises ValueError for a purpose or an age band that the text cannot carry."""
    words, details = [], []
    if state.restriction:
        words.append(_RESTRICTED)
    if state.age_band:
        words.append("=" + _checked(state.age_band))
    for purpose, choice in sorted(state.choices.items()):
        ends = choice.granted and choice.expires_at_us is not None
        marks = "g" * (choice.granted and choice.by_guardian) + "t" * ends
        words.append(marks + _SIGNS[choice.status] + _checked(purpose))
        detail = _detail(state, choice)
        details.append(f"{detail}:{choice.expires_at_us}" if ends else detail)
    if state.restriction:
        details.append(_detail(state, state.restriction))
    head = str(state.version)
    if any(detail != ":" for detail in details):
        head += ";" + ",".join(details)
    return " ".join((head, *words)).encode()


def state_version(text: bytes) -> int:
    """The version of an encoded state. Raises ValueError for what is none."""
    return int(text.partition(b" ")[0].partition(b";")[0])


def is_restricted(text: bytes | None) -> bool:
    """Whether an encoded state says that processing is restricted; None: nothing is recorded."""
    return text is not None and text.partition(b" ")[2].startswith(b"*")


def detail_at(head: bytes, place: int) -> Detail:
    """What stands in the part before the words for the one at `place` of the choices. Raises ValueError for
    what `encode_state` would not write."""
    version, _, details = head.partition(b";")
    if not details:
        return Detail(int(version), 0, None)
    try:
        recorded = details.split(b",")[place].split(b":")
        return Detail(
            int(recorded[0] or version),
            int(recorded[1] or 0),
            int(recorded[2]) if len(recorded) > 2 else None,
        )
    except IndexError:
        raise ValueError("not the text of a consent state") from None


def parse_state(text: bytes) -> ConsentState:
    """The state that `encode_state` wrote. Raises ValueError for any other text."""
    head, _, words = text.partition(b" ")
    version = state_version(head)
    parsed = parse_words(words)
    choices = {}
    for place, word in enumerate(parsed.choices):
        detail = detail_at(head, place)
        choices[word.purpose] = Choice(
            word.status,
            detail.version,
            detail.recorded_at_us,
            detail.expires_at_us,
            word.by_guardian,
        )
    restriction = None
    if parsed.restricted:
        restriction = Restriction(*detail_at(head, len(parsed.choices))[:2])
    return ConsentState(version, MappingProxyType(choices), parsed.age_band, restriction)


# Keyed by content, so never out of date: the same bytes always mean the same choices, and a whole
# population has only a few different ones.
@lru_cache(maxsize=4096)
def parse_words(text: bytes) -> Words:
    """The words of a state. Raises ValueError for a text that `encode_state` would not write."""
    words = text.decode().split(" ") if text else []
    age_band = ""
    restricted = words[:1] == [_RESTRICTED]
    if restricted:
        words = words[1:]
    if words and (match := _AGE_BAND.fullmatch(words[0])):
        age_band = match[1]
        words = words[1:]
    choices = []
    for word in words:
        match = _WORD.fullmatch(word)
        if match is None:
            raise ValueError("not the text of a consent state")
        choices.append(Word(match[4], _STATUSES[match[3]], bool(match[1]), bool(match[2])))
    return Words(age_band, tuple(choices), restricted)


def _detail(state: ConsentState, recorded: Choice | Restriction) -> str:
    version = "" if recorded.version in (0, state.version) else str(recorded.version)
    return f"{version}:{recorded.recorded_at_us or ''}"


def _checked(word: str) -> str:
    if not word or any(character.isspace() for character in word):
        raise ValueError(f"a purpose or an age band is a word, not {word!r}")
    return word
