"""Which numbers of a segment are shown: none about a few people, and none that leads to one by subtraction.
Pure."""

from services.aggregate.behaviour.segments.model import CountedPeople, Segment, SegmentGroup
from services.aggregate.suppression.tables import is_few


def shown(counted: CountedPeople, least: int) -> Segment:
    """Groups of fewer than `least` people are not listed. They are one remainder together with all others,
    whose number is what subtraction gives; the smallest of the larger groups are moved into it until it has
    at least `least` people, of two groups at least.

    The segment as a whole has no number, and no groups, if so few people are in it, or so few of the active
    ones are not. A segment of no person has the number 0.
    """
    if is_few(counted.people, least) or is_few(counted.active - counted.people, least):
        return Segment(counted.active, None, ())
    if not counted.groups:
        return Segment(counted.active, counted.people, ())
    listed = [
        SegmentGroup(value, False, people) for value, people in counted.groups if people >= least
    ]
    beyond = counted.people - sum(people for _, people in counted.groups)
    remainder = counted.people - sum(group.people for group in listed)
    together = len(counted.groups) - len(listed) + (beyond > 0)
    hides_few = len(listed) < len(counted.groups) or is_few(beyond, least)
    while hides_few and listed and (remainder < least or together < 2):
        remainder += listed.pop().people
        together += 1
    if remainder:
        listed.append(SegmentGroup(None, True, remainder))
    return Segment(counted.active, counted.people, listed)
