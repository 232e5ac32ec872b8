"""What `weir doctor` finds."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check came out; only `BROKEN` makes `weir doctor` fail."""

    OK = "ok"
    NOTE = "note"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, how it came out, and what to do if it is not well."""

    name: str
    state: State
    detail: str
