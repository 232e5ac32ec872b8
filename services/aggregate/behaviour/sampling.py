"""How many people are sampled, so that an answer takes a bounded time. Pure.

People are known by pseudonyms, whose first bits are random: those below a bound are a fair share of all,
and a smaller sample is a part of every larger one. The same people are sampled at any time.
"""

import uuid

# An event whose row has to be read from its table costs as much as so many that the index alone answers for.
ROW_COST = 4
# An event of a path table costs as much as so many of a funnel.
PATH_COST = 2
_MOST = 1 << 32


def one_in(events: int, limit: int) -> int:
    """One of how many people to sample, a power of two, so that of `events` at most `limit` are read."""
    found = 1
    while events > limit * found and found < _MOST:
        found *= 2
    return found


def below(of: int) -> uuid.UUID | None:
    """The person below whom one in `of` people is, None for all; `of` is a power of two."""
    return None if of == 1 else uuid.UUID(int=(1 << 128) // of)
