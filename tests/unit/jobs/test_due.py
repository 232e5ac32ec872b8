"""What is due: catching up, trying again, giving up, decided without a store."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from libs.jobs.due import next_due
from libs.jobs.job import CatchUp, Job, JobContext, Retries, app_of
from libs.jobs.runs import Progress
from libs.jobs.schedule import Schedule


async def nothing(_: JobContext) -> Mapping[str, int]:
    return {}


NEWEST = Job(
    "enrich.sweep", "", Schedule("0 2 * * *"), nothing, retries=Retries(3, timedelta(minutes=10))
)
EACH = replace(NEWEST, catch_up=CatchUp.EACH)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


DONE = Progress(due_at=at("11-20 02:00"), attempts=1, succeeded=True, finished_at=at("11-20 02:01"))


@pytest.mark.parametrize("job", [NEWEST, EACH])
def test_a_job_that_never_ran_begins_with_the_newest_due_time(job: Job) -> None:
    assert next_due(job, Progress(), at("11-21 14:00")) == at("11-21 02:00")


@pytest.mark.parametrize("job", [NEWEST, EACH])
def test_what_succeeded_is_not_due_until_the_next_time(job: Job) -> None:
    assert next_due(job, DONE, at("11-21 01:59")) is None
    assert next_due(job, DONE, at("11-21 02:00")) == at("11-21 02:00")


def test_after_downtime_the_newest_or_each_missed_due_time() -> None:
    now = at("11-24 09:00")
    assert next_due(NEWEST, DONE, now) == at("11-24 02:00")
    # Four were missed: 21, 22, 23, 24.
    due, progress = [], DONE
    while found := next_due(EACH, progress, now):
        due.append(found)
        progress = replace(DONE, due_at=found)
    assert due == [at(f"11-{day} 02:00") for day in (21, 22, 23, 24)]


def test_a_failure_is_tried_again_after_a_while_and_not_for_ever() -> None:
    failed = Progress(
        due_at=at("11-20 02:00"), attempts=1, failures=1, finished_at=at("11-20 02:03")
    )
    for job in (NEWEST, EACH):
        assert next_due(job, failed, at("11-20 02:12")) is None
        assert next_due(job, failed, at("11-20 02:13")) == at("11-20 02:00")
        exhausted = replace(failed, attempts=3, failures=3)
        assert next_due(job, exhausted, at("11-20 23:00")) is None
        assert next_due(job, exhausted, at("11-21 02:00")) == at("11-21 02:00")


def test_while_one_is_tried_again_the_next_takes_its_place_or_waits() -> None:
    failed = Progress(
        due_at=at("11-20 02:00"), attempts=2, failures=2, finished_at=at("11-21 01:59")
    )
    assert next_due(NEWEST, failed, at("11-21 02:00")) == at("11-21 02:00")
    assert next_due(EACH, failed, at("11-21 02:00")) is None
    assert next_due(EACH, failed, at("11-21 02:09")) == at("11-20 02:00")


def test_a_stop_is_not_held_against_a_due_time() -> None:
    stopped = Progress(due_at=at("11-20 02:00"), attempts=9, finished_at=at("11-20 02:03"))
    assert next_due(NEWEST, stopped, at("11-20 02:03")) == at("11-20 02:00")


@pytest.mark.parametrize("job", [NEWEST, EACH])
def test_nothing_is_due_while_it_runs_or_when_the_clock_is_set_back(job: Job) -> None:
    assert next_due(job, replace(DONE, is_running=True), at("11-25 02:00")) is None
    assert next_due(job, DONE, at("11-10 02:00")) is None


@pytest.mark.parametrize(
    "name", ["", "sweep", "Enrich.sweep", "enrich.", "enrich.a b", "a.b.c.d", "a.b."]
)
def test_a_name_says_the_service(name: str) -> None:
    with pytest.raises(ValueError, match="service"):
        replace(NEWEST, name=name)
    assert NEWEST.service == "enrich"


def test_a_name_says_the_app() -> None:
    assert (app_of("enrich.sweep"), app_of("aggregate.my_app.daily")) == ("", "my_app")
    assert replace(NEWEST, name="aggregate.my_app.daily").service == "aggregate"
