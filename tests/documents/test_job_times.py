"""When the documents' batch jobs run: AddValue, sections 3.2 to 3.5; Unofficial Communities, section 7.1."""

from datetime import UTC, datetime

import pytest

from libs.jobs.schedule import Schedule
from services.aggregate.results.model import ended_before, result_jobs
from tests.support.documents.shipped import catalogs


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# 2026-11-25 is a Wednesday. The next two due times, and the period of the first.
@pytest.mark.parametrize(
    ("app", "name", "due", "period"),
    [
        (
            "addvalue",
            "hourly_metrics",
            ("2026-11-25T12:55", "2026-11-25T13:55"),
            ("2026-11-25T11:00", "2026-11-25T12:00"),
        ),
        (
            "addvalue",
            "platform_metrics",
            ("2026-11-26T02:00", "2026-11-27T02:00"),
            ("2026-11-25", "2026-11-26"),
        ),
        (
            "addvalue",
            "weekly_summary",
            ("2026-11-30T03:00", "2026-12-07T03:00"),
            ("2026-11-23", "2026-11-30"),
        ),
        (
            "addvalue",
            "monthly_summary",
            ("2026-12-01T04:00", "2027-01-01T04:00"),
            ("2026-11-01", "2026-12-01"),
        ),
        (
            "unofficial_communities",
            "daily_aggregates",
            ("2026-11-26T01:00", "2026-11-27T01:00"),
            ("2026-11-25", "2026-11-26"),
        ),
        (
            "unofficial_communities",
            "retention_cohorts",
            ("2026-11-30T03:00", "2026-12-07T03:00"),
            ("2026-11-23", "2026-11-30"),
        ),
    ],
)
def test_due_times(app: str, name: str, due: tuple[str, str], period: tuple[str, str]) -> None:
    jobs = {job.name: job for job in result_jobs(catalogs()[app])}
    schedule = Schedule(jobs[name].cron)
    first = schedule.next_after(_at("2026-11-25T12:00"))
    assert (first, schedule.next_after(first)) == (_at(due[0]), _at(due[1]))
    found = ended_before(jobs[name].every, first)
    assert (found.start, found.end) == (_at(period[0]), _at(period[1]))
    # Each is due when its period is final, and periods that were missed are made up for.
    assert found.end + jobs[name].lateness < first
    assert jobs[name].makes_up_for_each


def test_what_a_day_of_the_communities_has() -> None:
    job = result_jobs(catalogs()["unofficial_communities"])[0]
    assert [plan.name for plan in job.rollups] == ["dau", "mission_completion", "zone_dwell"]
