"""One person's consent as it is kept in Redis: `12 +telemetry -marketing`.

The number is the version: of two states of one person, the one with the higher version is newer.
Then each purpose that the person has answered, `+` granted, `-` denied, sorted by name, so that
equal choices are equal bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What a person has answered, by purpose: True granted, False denied. Immutable."""

    version: int
    choices: Mapping[str, bool]


def encode_state(version: int, choices: Mapping[str, bool]) -> bytes:
    """The text to store. Raises ValueError for a purpose that the text cannot carry."""
    words = [str(version)]
    for purpose, granted in sorted(choices.items()):
        if not purpose or any(character.isspace() for character in purpose):
            raise ValueError(f"a purpose is a word, not {purpose!r}")
        words.append(("+" if granted else "-") + purpose)
    return " ".join(words).encode()


def split_state(text: bytes) -> tuple[int, bytes]:
    """The version, and the part that says what was chosen."""
    version, _, choices = text.partition(b" ")
    return int(version), choices


def parse_state(text: bytes) -> ConsentState:
    """The state that `encode_state` wrote. Raises ValueError for any other text."""
    version, choices = split_state(text)
    return ConsentState(version, parse_choices(choices))


# Keyed by content, so never out of date: the same bytes always mean the same choices, and a whole
# population has only a few different ones.
@lru_cache(maxsize=4096)
def parse_choices(text: bytes) -> Mapping[str, bool]:
    """The choices by purpose. Raises ValueError for a text that `encode_state` would not write."""
    choices: dict[str, bool] = {}
    for word in text.decode().split(" ") if text else ():
        sign, purpose = word[:1], word[1:]
        if sign not in ("+", "-") or not purpose:
            raise ValueError("not the text of a consent state")
        choices[purpose] = sign == "+"
    return MappingProxyType(choices)
