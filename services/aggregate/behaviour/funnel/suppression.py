"""Which numbers of a funnel are shown. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from services.aggregate.behaviour.funnel.model import FunnelTable, StepCount
from services.aggregate.suppression.tables import safe_steps


def shown_funnel(table: FunnelTable, least: int) -> FunnelTable:
    """The funnel up to the first step that fewer than `least` people reached, or that so few of the step
    before did not reach. Groups are listed if the same holds for each of their steps that is shown; the
    smallest of the others go into the remainder with them until it holds for that, too. The remainder has no
    times."""
    depth = safe_steps(_people(table.total), least)
    total = list(table.total[:depth])
    if not depth:
        return FunnelTable((), (), None, table.is_cut)
    cut = [replace(group, steps=list(group.steps[:depth])) for group in table.groups]
    listed = [group for group in cut if _is_safe(group.steps, least)]
    others = None if table.others is None else _people(table.others[:depth])
    if len(listed) == len(cut) and (others is None or safe_steps(others, least) == depth):
        steps = None if table.others is None else list(table.others[:depth])
        return FunnelTable(total, cut, steps, table.is_cut)
    while listed:
        rest = _remainder(total, [group.steps for group in listed])
        together = len(cut) - len(listed) + (table.others is not None)
        if together > 1 and safe_steps(rest, least) == depth:
            break
        listed.pop()
    rest = _remainder(total, [group.steps for group in listed])
    return FunnelTable(
        total, listed, [StepCount(people, None, None) for people in rest], table.is_cut
    )


def _is_safe(steps: Sequence[StepCount], least: int) -> bool:
    return safe_steps(_people(steps), least) == len(steps)


def _people(steps: Sequence[StepCount]) -> list[int]:
    return [step.people for step in steps]


def _remainder(total: Sequence[StepCount], listed: Sequence[Sequence[StepCount]]) -> list[int]:
    return [
        step.people - sum(steps[place].people for steps in listed)
        for place, step in enumerate(total)
    ]
