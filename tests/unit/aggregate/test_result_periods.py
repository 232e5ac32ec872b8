"""When a job of a catalog is due, and which period it is then about."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.catalog import Period, compile_catalog
from libs.jobs.schedule import Schedule
from services.aggregate.results.model import ResultPeriod, ended_before, is_sealed, result_jobs
from tests.support.arena_catalog import CATALOG

JOBS = """
jobs:
  hourly: {every: hour, at: '00:55', store: [events]}
  daily: {every: day, at: '01:00', store: [loot]}
  weekly: {every: week, at: '03:00', store: [matches]}
  monthly: {every: month, at: '04:00', store: [scores]}
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# 2026-11-22 is a Sunday.
@pytest.mark.parametrize(
    ("name", "due_at", "start", "end"),
    [
        ("hourly", "2026-11-22T12:55", "2026-11-22T11:00", "2026-11-22T12:00"),
        ("daily", "2026-11-23T01:00", "2026-11-22", "2026-11-23"),
        ("weekly", "2026-11-23T03:00", "2026-11-16", "2026-11-23"),
        ("monthly", "2026-12-01T04:00", "2026-11-01", "2026-12-01"),
    ],
)
def test_due_times(name: str, due_at: str, start: str, end: str) -> None:
    jobs = {job.name: job for job in result_jobs(compile_catalog(CATALOG + JOBS, "arena.yaml"))}
    job = jobs[name]
    assert Schedule(job.cron).next_after(at("2026-11-22T12:00")) == at(due_at)
    period = ended_before(job.every, at(due_at))
    assert (period.start, period.end) == (at(start), at(end))


@pytest.mark.parametrize(
    ("every", "due_at", "start"),
    [
        (Period.DAY, "2026-11-22T00:00", "2026-11-21"),
        (Period.DAY, "2026-11-21T23:59", "2026-11-20"),
        (Period.MONTH, "2024-03-31", "2024-02-01"),
    ],
)
def test_any_due_time_names_the_period_that_ended_last(
    every: Period, due_at: str, start: str
) -> None:
    assert ended_before(every, at(due_at)).start == at(start)


def test_what_a_result_is_made_of() -> None:
    """Rollups, the events of these, and how far the metrics look back: by hand, from the catalog."""
    jobs = """
metrics:
  back: {retention: {entry: activity.active_users, active: activity.active_users, after: 7d}}
  games_change: {change: loot.items, period: day}
jobs:
  plain: {every: day, at: '01:00', store: [loot]}
  looking_back: {every: day, at: '01:00', store: [watching, games_change, back]}
"""
    catalog = compile_catalog(CATALOG + jobs, "arena.yaml")
    plain, back = result_jobs(catalog)
    day = ResultPeriod(at("2026-11-20"), at("2026-11-21"))
    assert (plain.inputs.rollups, plain.inputs.names) == ({"loot"}, {"match.ended"})
    assert plain.first_input(day) == at("2026-11-20")
    assert back.inputs.rollups == {"watching", "loot", "activity"}
    assert back.inputs.names == {"match.ended", "match.left", "match.watched", "match.cheered"}
    assert back.first_input(day) == at("2026-11-13")


@pytest.mark.parametrize(
    ("job", "start", "sealed"),
    [
        # Cells of `loot` are kept for 30 days, whatever becomes of the events.
        ("cells", "2026-10-23", False),
        ("cells", "2026-10-22", True),
        # Events are stored for 90 days, since 2026-08-24, and a person's values are of those who were active
        # in the 30 days that end with the day.
        ("people", "2026-09-22", False),
        ("people", "2026-09-21", True),
    ],
)
def test_results_of_what_may_have_expired(job: str, start: str, sealed: bool) -> None:
    jobs = """
metrics:
  keen: {counts: [match.*]}
jobs:
  cells: {every: day, at: '01:00', store: [loot]}
  people: {every: day, at: '01:00', store: [keen]}
"""
    text = CATALOG.replace("  loot:\n", "  loot:\n    retention: 30d\n") + jobs
    catalog = compile_catalog(text, "arena.yaml")
    [found] = [one for one in result_jobs(catalog) if one.name == job]
    period = ResultPeriod(at(start), at(start) + timedelta(days=1))
    assert is_sealed(catalog, found, period, at("2026-11-22")) is sealed
