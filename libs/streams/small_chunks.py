"""How far apart small chunks begin."""

# From so many entries in a chunk on, the next one begins twice as late as after a single one.
_MANY_ENTRIES = 9


def pause_seconds(after_one: float, entries: int) -> float:
    """The time from the beginning of a chunk to the next small one: `after_one` if it had a single entry,
    up to twice as much if it had more.

    Entries that come one at a time are handled soon. A flow of them, such as the groups of single events, is
    handled in half as many chunks, each of which costs a transaction.
    """
    many = min(entries - 1, _MANY_ENTRIES - 1) / (_MANY_ENTRIES - 1)
    return after_one * (1 + many)
