"""How often a watcher is spoken to."""

# What a process sends to all of its watchers when each of them is due, before the pauses grow.
_MESSAGES_PER_SECOND = 250
# What people do not notice in a number that changes; longer pauses would save little.
_LONGEST_SECONDS = 0.2


def pause_seconds(least_seconds: float, watchers: int) -> float:
    """The pause after a message to one of so many watchers of a process: `least_seconds`, and with many
    watchers up to a fifth of a second, so that they do not take the CPU from counting."""
    return max(least_seconds, min(watchers / _MESSAGES_PER_SECOND, _LONGEST_SECONDS))
