"""Which events of a sampled kind are kept: decided by the id, so that a resend gets the same answer."""

from dataclasses import dataclass
from zlib import crc32

_SPAN = 2**32


@dataclass(frozen=True, slots=True)
class Sampled:
    """An event that passed every check, and is not among the share that is kept."""


def sampled_out(event_id: str, rate: float) -> bool:
    """True if an event is not among the share `rate` (0 to 1) that is kept."""
    return crc32(event_id.encode()) >= rate * _SPAN
