"""What the failure of a store means for the work that met it."""

from enum import Enum


class StoreFailure(Enum):
    """Both pass: the same work may succeed later."""

    # The store does not answer, is full, or turns everything away: wait, however long it takes.
    UNAVAILABLE = "unavailable"
    # The store answers, but lacked locks, memory or time for this work: less work at once may succeed now.
    OVERLOADED = "overloaded"
