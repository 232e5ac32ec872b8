"""What the metric of overdue data says."""

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import REGISTRY
from weir.privacy.v1 import retention_target_service_pb2 as pb

from services.privacy.retention.driving import TargetAway
from services.privacy.retention.measuring import OverdueMeter
from tests.support.clocks import FixedClock

ROWS = "weir_privacy_retention_overdue_rows"
MEASURED = "weir_privacy_retention_measured_timestamp_seconds"


class Answers:
    """Services that answer this."""

    def __init__(self, *found: pb.OverdueData) -> None:
        self.found: Sequence[pb.OverdueData] | None = found

    async def overdue(self, app_id: str) -> Sequence[pb.OverdueData]:
        assert app_id == ""
        if self.found is None:
            raise TargetAway("enrich does not answer: UNAVAILABLE")
        return self.found


def rows(store: str, app: str, kept_because: str = "") -> float | None:
    labels = {"store": store, "app": app, "kept_because": kept_because}
    return REGISTRY.get_sample_value(ROWS, labels)


async def test_rows_by_store_app_and_reason() -> None:
    answers = Answers(
        pb.OverdueData(store="enrich.events", app_id="chess", kind="90d", rows=2),
        pb.OverdueData(store="enrich.events", app_id="chess", kind="7d", rows=3),
        pb.OverdueData(store="enrich.events", app_id="go", rows=4, kept_because="archive"),
        pb.OverdueData(store="jobs.runs", rows=1),
    )
    clock = FixedClock.of_us(1_789_000_000_500_000)
    meter = OverdueMeter(answers, clock, 1.0)
    await meter.measure()
    assert rows("enrich.events", "chess") == 5
    assert rows("enrich.events", "go", "archive") == 4
    assert rows("jobs.runs", "") == 1
    assert REGISTRY.get_sample_value(MEASURED) == 1_789_000_000.5
    # What could not be measured says when it was.
    answers.found = None
    clock.now = FixedClock.of_us().now
    with pytest.raises(TargetAway):
        await meter.measure()
    assert rows("enrich.events", "chess") == 5
    assert REGISTRY.get_sample_value(MEASURED) == 1_789_000_000.5
    # What is gone is not there any more.
    answers.found = ()
    await meter.measure()
    assert rows("enrich.events", "chess") is None


class Silence:
    """Services that do not answer."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def overdue(self, app_id: str) -> Sequence[pb.OverdueData]:
        self.asked.set()
        await asyncio.Event().wait()
        return ()


async def test_a_stop_waits_for_no_answer() -> None:
    services, stop = Silence(), asyncio.Event()
    running = asyncio.create_task(
        OverdueMeter(services, FixedClock.of_us(1_789_000_000_000_000), 1.0).run(stop)
    )
    await services.asked.wait()
    stop.set()
    await running
