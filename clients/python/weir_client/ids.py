"""Event ids: UUIDs of version 7, which sort by the time at which they were made."""

import os
import time

_NANOSECONDS = 1_000_000  # of a millisecond
_RANDOM_BITS = (1 << 62) - 1


def new_event_id() -> str:
    """A new UUIDv7 in its canonical form."""
    return uuid7(time.time_ns(), int.from_bytes(os.urandom(8)))


def uuid7(unix_nanoseconds: int, random: int) -> str:
    """The UUIDv7 (RFC 9562, section 5.7) of a time and of 62 random bits; higher bits do not count.

    The 12 bits after the milliseconds hold the fraction of the millisecond (section 6.2, method 3), so
    that ids of one process sort by time within a millisecond too.
    """
    milliseconds, rest = divmod(unix_nanoseconds, _NANOSECONDS)
    high = milliseconds << 16 | 7 << 12 | (rest << 12) // _NANOSECONDS
    low = 0b10 << 62 | random & _RANDOM_BITS
    # Faster than the UUID class, which each event would pay for.
    digits = (high << 64 | low).to_bytes(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
