"""The morning's question whether anything is kept for too long: a run that fails is the alarm."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from libs.common.expiry import OverdueData
from libs.jobs.job import Job, JobContext, JobError
from libs.jobs.retention_check import retention_check
from libs.jobs.schedule import Schedule

DAY = datetime(2026, 1, 1, tzinfo=UTC)
OVERDUE = OverdueData("enrich.events", "chess", "7d", 7, 2, DAY)
UNKNOWN = OverdueData("enrich.events", "gone", "7d", 7, 1, DAY, kept_because="no catalog")


def check_of(*found: OverdueData) -> Job:
    async def list_overdue() -> Sequence[OverdueData]:
        return found

    return retention_check("enrich", Schedule("30 6 * * *"), list_overdue)


async def test_nothing_is_no_failure() -> None:
    job = check_of()
    assert job.name == "enrich.check_retention"
    assert await job.run(JobContext(DAY)) == {}


@pytest.mark.parametrize("one", [OVERDUE, UNKNOWN])
async def test_anything_fails_with_store_app_class_limit_and_oldest_day(
    one: OverdueData,
) -> None:
    job = check_of(one)
    with pytest.raises(JobError) as failure:
        await job.run(JobContext(DAY))
    message = str(failure.value)
    words = (one.store, one.app_id, one.kind, f"{one.days} days", "2026-01-01", one.kept_because)
    assert [word for word in words if word not in message] == []
    # Tried again it would find the same.
    assert job.retries.attempts == 1
