"""Jobs of a catalog: what is declared, and what is wrong with it."""

import pytest

from libs.catalog import (
    CatalogError,
    CatchUp,
    CohortTable,
    Period,
    StoringJob,
    Term,
    compile_catalog,
)
from tests.support.arena_catalog import CATALOG


def compiled(jobs: str) -> dict[str, StoringJob]:
    return dict(compile_catalog(f"{CATALOG}\njobs:\n{jobs}", "arena.yaml").jobs)


def test_a_job() -> None:
    found = compiled("""
  daily: {every: day, at: '01:30', store: [loot, events], description: Loot}
  weekly: {every: week, at: '23:59', store: matches, catch_up: newest}
""")
    assert found["daily"] == StoringJob(
        "daily", "Loot", Period.DAY, 90 * 60, ("loot", "events"), CatchUp.EACH
    )
    assert found["weekly"].after_seconds == 24 * 3600 - 60
    assert found["weekly"].catch_up is CatchUp.NEWEST


def test_a_catalog_without_jobs() -> None:
    assert not compile_catalog(CATALOG, "arena.yaml").jobs


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("j: {every: day, at: '01:00'}", "jobs.j.store: `store` is missing"),
        ("j: {every: day, store: [loot]}", "jobs.j: `at` is missing"),
        ("j: {at: '01:00', store: [loot]}", "jobs.j: `every` is missing"),
        ("j: {every: year, at: '01:00', store: [loot]}", "`year` is not one of hour, day, week"),
        ("j: {every: day, at: '24:00', store: [loot]}", "jobs.j.at: must be hours and minutes"),
        ("j: {every: day, at: 1, store: [loot]}", "jobs.j.at: must be hours and minutes"),
        ("j: {every: hour, at: '01:00', store: [events]}", "less than an hour"),
        (
            "j: {every: day, at: '01:00', store: [lot]}",
            "no rollup or metric `lot`; did you mean `loot`?",
        ),
        (
            "j: {every: day, at: '01:00', store: [matches]}",
            "`matches` is by week, which is no part",
        ),
        ("j: {every: hour, at: '00:30', store: [loot]}", "`loot` is by day, which is no part"),
        # The week from January 26 to February 1 is in two months.
        (
            "j: {every: month, at: '01:00', store: [matches]}",
            "by week, which is no part of a month",
        ),
        ("J: {every: day, at: '01:00', store: [loot]}", "the name of a job is a-z"),
        ("j: {every: day, at: '01:00', store: [loot], cron: x}", "unknown key `cron`"),
    ],
)
def test_what_is_wrong(job: str, reason: str) -> None:
    with pytest.raises(CatalogError) as found:
        compiled(f"  {job}\n")
    [problem] = found.value.problems
    assert reason in str(problem)


METRICS = """
metrics:
  dau: {value: activity.active_users}
  row: {streak: activity.active_users}
"""


def test_a_job_that_stores_metrics() -> None:
    catalog = f"{CATALOG}{METRICS}jobs:\n"
    job = "  d: {every: day, at: '01:00', store: [dau, loot, row], active_within: 7d}\n"
    found = compile_catalog(catalog + job, "arena.yaml").jobs["d"]
    assert (found.rollups, found.metrics) == (("loot",), ("dau", "row"))
    assert found.active_within_days == 7
    for wrong, reason in (
        ("every: hour, at: '00:30', store: [dau]", "metric `dau` is by day, which is no part"),
        ("every: week, at: '01:00', store: [row]", "`row` is of single people, and stored by day"),
        ("every: day, at: '01:00', store: [dua]", "no rollup or metric `dua`; did you mean `dau`?"),
    ):
        with pytest.raises(CatalogError, match=reason):
            compile_catalog(f"{catalog}  d: {{{wrong}}}\n", "arena.yaml")


COHORTS = "entry: activity.active_users, active: activity.active_users, days: [30d, 1d]"


def test_a_job_that_stores_cohorts() -> None:
    found = compiled(
        f"  c: {{every: week, at: '03:00', cohorts: {{{COHORTS}, dimensions: [first_week, week]}}}}\n"
    )["c"]
    term = Term("activity", "active_users")
    assert found.cohorts == CohortTable(term, term, 12, (1, 30), ("first_week", "week"))
    for every, wrong, reason in (
        ("day", f"{COHORTS}, dimensions: [a, b]", "the job has to be weekly"),
        ("week", f"{COHORTS}, dimensions: [a, a]", "must be two labels"),
        ("week", f"{COHORTS}, dimensions: [a, b], weeks: 60", "from 1 to 52"),
        ("week", f"{COHORTS}, dimensions: [a, b]".replace("30d", "1w"), "lengths of time in days"),
        ("week", f"{COHORTS}, dimensions: [a, b]".replace("entry", "enter"), "unknown key `enter`"),
        ("week", "entry: loot.items, active: loot.items, dimensions: [a, b]", "different people"),
    ):
        with pytest.raises(CatalogError, match=reason):
            compiled(f"  c: {{every: {every}, at: '03:00', cohorts: {{{wrong}}}}}\n")
