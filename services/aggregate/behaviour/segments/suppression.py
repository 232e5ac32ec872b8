"""Which numbers of a segment are said: none about a few people, and none that leads to one by subtraction.
Pure."""

from services.aggregate.behaviour.segments.model import Counted, Group, Segment


def said(counted: Counted, least: int) -> Segment:
    """Groups of fewer than `least` people are not said; if that is one group alone, the smallest of the
    others is not said either. The segment as a whole is not said if so few people are in it, or so few
    of the active ones are not. No one at all is said."""
    if _is_few(counted.people, least) or _is_few(counted.active - counted.people, least):
        return Segment(counted.active, None, ())
    groups = [Group(value, False, people) for value, people in counted.groups]
    others = counted.people - sum(people for _, people in counted.groups)
    if groups and others:
        groups.append(Group(None, True, others))
    hidden = {place for place, group in enumerate(groups) if _is_few(group.people or 0, least)}
    if len(hidden) == 1 and len(groups) > 1:
        left = [place for place in range(len(groups)) if place not in hidden]
        hidden.add(min(left, key=lambda place: groups[place].people or 0))
    return Segment(
        counted.active,
        counted.people,
        [
            *(group for place, group in enumerate(groups) if place not in hidden),
            *(
                Group(group.value, group.is_other, None)
                for place, group in enumerate(groups)
                if place in hidden
            ),
        ],
    )


def _is_few(people: int, least: int) -> bool:
    return 0 < people < least
