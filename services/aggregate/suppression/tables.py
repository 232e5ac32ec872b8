"""Which numbers of a table are withheld. Pure."""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

# Of how many people a number must be if nothing is withheld.
NO_LIMIT = 1
Key = TypeVar("Key", bound=Hashable)


def is_few(people: int, least: int) -> bool:
    """Whether a number of so many people is withheld; that of none is not."""
    return 0 < people < least


def withheld(
    people: Mapping[Key, int], lines_of: Callable[[Key], Iterable[Hashable]], least: int
) -> set[Key]:
    """The keys of the cells of a table that are withheld: those of fewer than `least` people, and so many
    others that no difference leads to one of these.

    `lines_of` are the lines of cells that a cell is in, whose sums may be known from another answer. If any
    cell of a line is withheld, so are at least two, one of them of `least` people: what the line lacks is
    then about so many, even if the same people are in several cells. The smallest that will do goes with it;
    a cell that stands alone in another of its lines, whose sum would give it away, comes last. If there is
    none, the line has no cell that is shown but those without people."""
    hidden = {key for key, count in people.items() if is_few(count, least)}
    if not hidden:
        return hidden
    members: defaultdict[Hashable, list[Key]] = defaultdict(list)
    for key, count in people.items():
        if count:
            for line in lines_of(key):
                members[line].append(key)

    def order(key: Key) -> tuple[int, int, str]:
        alone = sum(len(members[line]) == 1 for line in lines_of(key))
        return alone, people[key], repr(key)

    open_lines = deque(dict.fromkeys(line for key in hidden for line in lines_of(key)))
    while open_lines:
        line = open_lines.popleft()
        lacking = [key for key in members[line] if key in hidden]
        if len(lacking) > 1 and max(people[key] for key in lacking) >= least:
            continue
        shown = [key for key in members[line] if key not in hidden]
        if shown:
            added = min(shown, key=order)
            hidden.add(added)
            open_lines.extend(lines_of(added))
    return hidden


def safe_steps(counts: Sequence[int], least: int) -> int:
    """How many of these numbers may be shown, each of which is of a part of the people of the one before: up
    to the first that is of a few people, or that a few of those before are not in."""
    before = 0
    for place, count in enumerate(counts):
        if is_few(count, least) or (place and is_few(before - count, least)):
            return place
        before = count
    return len(counts)
