"""Cohorts from counts: of the people first seen in a period, how many came back in each later one."""

from collections.abc import Sequence
from datetime import datetime

from libs.catalog import Period
from services.aggregate.buckets import periods_between
from services.aggregate.model import ActiveCount, Cohort, CohortQuery


def retention(
    query: CohortQuery, newest: datetime | None, counts: Sequence[ActiveCount]
) -> list[Cohort]:
    """The cohorts that the query asks for, oldest first; none if no person was ever active."""
    if newest is None:
        return []
    wanted = [count for count in counts if query.wants(count.cohort)]
    return assemble(query.period, newest, wanted)


def assemble(period: Period, newest: datetime, counts: Sequence[ActiveCount]) -> list[Cohort]:
    """The cohorts, oldest first. Each list runs from the cohort's own period to `newest`, the newest
    period with an active person, with zeros for periods in which none came back."""
    tables: dict[datetime, list[int]] = {}
    for count in counts:
        active = tables.get(count.cohort)
        if active is None:
            length = periods_between(period, count.cohort, newest) + 1
            active = tables[count.cohort] = [0] * length
        active[periods_between(period, count.cohort, count.active)] = count.people
    # All people are active in the period in which they are first seen.
    return [Cohort(start, active[0], active) for start, active in sorted(tables.items())]
