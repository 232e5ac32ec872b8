"""The rows of a cohort table. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

from libs.catalog import CohortTable
from services.aggregate.results.model import COHORTS, ResultCell

_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class FoundCohort:
    """The people who entered in the week that begins at `start`: how many they are, and how many of them were
    active in a week. By a number of days: for how many the day so long after their first has ended, and how
    many of these were active on it."""

    start: datetime
    people: int
    by_week: Mapping[datetime, int]
    by_day: Mapping[int, tuple[int, int]]


def rows(table: CohortTable, cohorts: Iterable[FoundCohort], end: datetime) -> Iterable[ResultCell]:
    """A row for each cohort and each week from its own on that begins before `end`. A share of no people is
    missing."""
    for cohort in cohorts:
        shares = {
            f"d{day}_retention": active / over
            for day, (over, active) in cohort.by_day.items()
            if over
        }
        week = cohort.start
        while week < end:
            active = cohort.by_week.get(week, 0)
            labels = (f"{cohort.start:%Y-%m-%d}", f"{week:%Y-%m-%d}")
            yield ResultCell(
                COHORTS,
                cohort.start,
                # The same row has the same id in each run.
                uuid5(NAMESPACE_OID, " ".join(labels)),
                dict(zip(table.dimensions, labels, strict=True)),
                {
                    "people": float(cohort.people),
                    "active": float(active),
                    "retention": active / cohort.people,
                    **shares,
                },
            )
            week += _WEEK
