"""Which events names and patterns mean: `user.login.completed`, `gamification.*`, `*`."""

from collections.abc import Collection
from fnmatch import fnmatchcase

from libs.catalog.problems import did_you_mean


class PatternError(ValueError):
    """A name that the catalog does not declare, or a pattern that matches nothing."""


def resolve(pattern: str, names: Collection[str]) -> frozenset[str]:
    """The names that `pattern` means; `*` stands for any text, dots included.

    Raises PatternError when there are none: it would be a spelling mistake that goes unnoticed.
    """
    if "*" not in pattern:
        if pattern in names:
            return frozenset({pattern})
        raise PatternError(f"no event `{pattern}`{did_you_mean(pattern, names)}")
    # Only `*` is special here; fnmatch would give `?` and `[` a meaning too.
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    found = frozenset(name for name in names if fnmatchcase(name, literal))
    if not found:
        raise PatternError(f"the pattern `{pattern}` matches no event")
    return found
