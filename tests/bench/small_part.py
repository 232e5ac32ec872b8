"""Small batches and what belongs to them: the hand-written service, the echo, an fsync, the ids in Redis."""

from contextlib import ExitStack

from rich.console import Console

from suite.supervisor import Suite
from tests.bench.by_hand.server import missing_packages
from tests.bench.echo import EchoServer
from tests.bench.fsync import fsync_seconds
from tests.bench.one_kind import APP, OneKind
from tests.bench.processes import Processes
from tests.bench.remembered_ids import bytes_per_id
from tests.bench.report import Report
from tests.bench.sides import ACCEPTED, Side, WeirSide, by_hand_sides
from tests.bench.small_batches import WEIR, measure_small_batches
from tests.bench.stored_counts import StoredCounts


async def add_small_batches(
    report: Report,
    suite: Suite,
    stored: StoredCounts,
    events: OneKind,
    progress: Console,
    *,
    rounds: int,
    seconds: float,
) -> None:
    """Measures everything and adds it to the report. Without the packages of the extra `bench`, Weir alone.

    Raises WrongCountsError.
    """
    addresses = suite.addresses
    with ExitStack() as running:
        echo = EchoServer(suite.home.path, len(ACCEPTED))
        running.callback(echo.stop)
        echo.start()
        weir = WeirSide(
            addresses.services["ingest"], addresses.token, events, stored, Processes(suite)
        )
        sides: dict[str, Side] = {WEIR: weir}
        if missing := missing_packages():
            progress.print(
                f"not compared with the hand-written service: {', '.join(missing)} not installed;"
                " `make bench` installs them",
                style="yellow",
            )
        else:
            sides |= running.enter_context(by_hand_sides(suite, events))
        await weir.warm_up()
        report.add("fsync_ms", [duration * 1e3 for duration in fsync_seconds(suite.home.path)])
        small = await measure_small_batches(
            sides, echo.url, addresses.token, events, rounds=rounds, seconds=seconds
        )
    report.small = small
    report.add("track_p99_ms", small.track_p99_ms())
    report.figures["track_p99_ratio"] = small.track_p99_ratio(report.figures["fsync_ms"].median)
    report.add("echo_p99_ms_128", small.echo_p99_ms)
    remembered = bytes_per_id(addresses.redis_url, APP, weir.sent)
    report.add("redis_bytes_per_id", [remembered])
