"""How far apart small chunks begin."""

# From so many entries in a chunk on, the pause is longest.
_MANY_ENTRIES = 13
# How many times as long as after a single entry.
_LONGEST = 4


def pause_seconds(after_one: float, entries: int) -> float:
    """The time from the beginning of a chunk to the next small one: `after_one` if it had a single entry,
    up to four times as much if it had more.

    Entries that come one at a time are handled soon. A flow of them, such as the groups of single events, is
    handled in fewer chunks: each costs a transaction, and work for every cell of numbers that it touches.
    """
    many = min(entries - 1, _MANY_ENTRIES - 1) / (_MANY_ENTRIES - 1)
    return after_one * (1 + (_LONGEST - 1) * many)
