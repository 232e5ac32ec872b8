"""Measures Weir side by side with what it stands on: `make bench`, or `python -m tests.bench`."""

import argparse
import asyncio
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from rich.console import Console

from suite.home import Home
from suite.supervisor import Suite
from tests.bench.answers import record_answers
from tests.bench.consent import measure_batches, measure_checks, response_size
from tests.bench.delay import DelayBench, Delays
from tests.bench.echo import EchoServer
from tests.bench.end_to_end import EndToEnd, EndToEndBench
from tests.bench.load import WrongCountsError
from tests.bench.one_kind import OneKind
from tests.bench.opt_in import load_grants
from tests.bench.processes import Processes
from tests.bench.raw_copy import RawCopy
from tests.bench.report import Report
from tests.bench.sealing import SealingBench, write_catalogs
from tests.bench.small_part import add_small_batches
from tests.bench.stored_counts import StoredCounts
from tests.bench.traffic import Traffic
from tests.support.environment import without_settings
from tests.support.pseudonyms import pseudonymizer_of

PARTS = ("end_to_end", "consent", "batch", "delay", "sealing", "small")
_SEED = 20_260_101
_ENOUGH_SUBJECTS = 50_000
# The app whose people are asked about.
_CHECKED_APP = "unofficial_communities"
# Of the load at which delay is measured, which is half of what the suite can take: a tenth of that.
_LIGHT = 0.2


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    warm_up_frames: int = 60
    runs: int = 3
    # Of 500 events each.
    frames: int = 440
    check_rounds: int = 5
    round_seconds: float = 3.0
    batch_rounds: int = 5
    delay_seconds: float = 15.0
    light_delay_seconds: float = 10.0
    # Pairs of runs of frames of 500 events.
    sealing_runs: int = 9
    sealing_frames: int = 160
    # Of each side at each size.
    small_rounds: int = 3
    small_seconds: float = 3.0


QUICK = Plan(
    warm_up_frames=12,
    runs=2,
    frames=60,
    check_rounds=2,
    round_seconds=1.0,
    batch_rounds=2,
    delay_seconds=4.0,
    light_delay_seconds=4.0,
    sealing_runs=1,
    sealing_frames=24,
    small_rounds=1,
    small_seconds=0.5,
)


def main() -> int:
    """0 if everything was measured, whatever came out; 1 where counts were wrong."""
    options = _options()
    # So that the suite is stopped and its folder removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    progress = Console(stderr=True)
    _describe_machine(progress)
    report = Report()
    with (
        tempfile.TemporaryDirectory(prefix="weir-bench-") as folder,
        _suite(Path(folder), options, progress) as suite,
    ):
        try:
            asyncio.run(_measure(suite, options, report, progress))
        except WrongCountsError as error:
            progress.print(f"wrong counts: {error}", style="bold red", markup=False)
            return 1
        finally:
            # From here on everything is being stopped anyway: in good order.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Rich takes a pipe for 80 columns wide, which is too narrow for the tables.
    console = Console()
    report.print(console if console.is_terminal else Console(width=110))
    print(report.json_line())
    return 0


def _suite(folder: Path, options: argparse.Namespace, progress: Console) -> Suite:
    # Nothing of the user's own settings: every run measures the same.
    settings = without_settings()
    if "sealing" in options.only:
        write_catalogs(folder / "catalogs")
        settings["WEIR_CATALOGS"] = str(folder / "catalogs")
    return Suite(Home(folder / "home"), settings, report=progress.print)


async def _measure(
    suite: Suite, options: argparse.Namespace, report: Report, progress: Console
) -> None:
    plan = QUICK if options.quick else Plan()
    progress.print("making people")
    traffic = Traffic(_SEED)
    with psycopg.connect(suite.addresses.database_url, autocommit=True) as connection:
        stored = StoredCounts(connection)
        # Small batches are of an app that none of its people has refused anything.
        if set(options.only) != {"small"}:
            await _measure_products(
                suite, traffic, connection, stored, options, plan, report, progress
            )
        if "small" in options.only:
            progress.print(f"small batches, {plan.small_rounds} times")
            await add_small_batches(
                report,
                suite,
                stored,
                OneKind(traffic.apps[_CHECKED_APP].people, _SEED),
                progress,
                rounds=plan.small_rounds,
                seconds=plan.small_seconds,
            )


async def _measure_products(
    suite: Suite,
    traffic: Traffic,
    connection: psycopg.Connection,
    stored: StoredCounts,
    options: argparse.Namespace,
    plan: Plan,
    report: Report,
    progress: Console,
) -> None:
    """What is measured with the mixed traffic of three products."""
    addresses = suite.addresses
    services, token = addresses.services, addresses.token
    granted = load_grants(addresses.database_url, addresses.redis_url, traffic)
    progress.print(f"{granted} people had granted their app's purpose before")
    answered = await record_answers(services["privacy"], token, traffic)
    progress.print(f"{answered} people have recorded their answers")
    rate = options.rate
    bench = EndToEndBench(
        services["ingest"], token, traffic, stored, RawCopy(connection), Processes(suite)
    )
    progress.print("warming up")
    await bench.warm_up(plan.warm_up_frames)
    if "end_to_end" in options.only:
        progress.print(f"end to end and raw COPY, {plan.runs} times")
        results = await bench.measure(plan.runs, plan.frames)
        _note_end_to_end(report, results, progress)
        if results.subjects < _ENOUGH_SUBJECTS and not options.quick:
            raise WrongCountsError(f"only {results.subjects} people in a run")
        rate = rate or report.figures["end_to_end_events_per_s"].median / 2
    app = traffic.apps[_CHECKED_APP]
    if "consent" in options.only:
        progress.print(f"CheckConsent and echo, {plan.check_rounds} times")
        size = await response_size(services["privacy"], token, app)
        echo = EchoServer(suite.home.path, size)
        echo.start()
        try:
            checks = await measure_checks(
                services["privacy"],
                token,
                echo,
                app,
                rounds=plan.check_rounds,
                seconds=plan.round_seconds,
            )
        finally:
            echo.stop()
        report.add("check_consent_per_s", checks.per_second)
        report.add("echo_per_s", checks.echo_per_second)
        report.figures["check_consent_ratio"] = checks.ratio
    if "batch" in options.only:
        progress.print(f"BatchCheckConsent, {plan.batch_rounds} times")
        batches = await measure_batches(
            services["privacy"],
            token,
            app,
            rounds=plan.batch_rounds,
            seconds=plan.round_seconds,
        )
        report.add("batch_checks_per_s", batches)
    if "delay" in options.only:
        delay = DelayBench(
            services, token, addresses.database_url, traffic, pseudonymizer_of(suite.home)
        )
        for suffix, load, seconds in (
            ("", rate, plan.delay_seconds),
            ("_light", rate * _LIGHT, plan.light_delay_seconds),
        ):
            progress.print(f"delay at {load:,.0f} events/s, {plan.runs} times")
            _note_delays(
                report,
                suffix,
                await delay.measure(
                    stored, runs=plan.runs, seconds=seconds, events_per_second=load
                ),
            )

    if "sealing" in options.only:
        progress.print(f"with and without sealing, {plan.sealing_runs} times")
        sealing = await SealingBench(
            services["ingest"], token, _SEED, traffic, stored, Processes(suite)
        ).measure(plan.sealing_runs, plan.sealing_frames)
        report.figures["sealing_ratio"] = sealing.ratio
        report.figures["sealing_cpu_ratio"] = sealing.cpu_ratio


def _note_delays(report: Report, suffix: str, delays: Delays) -> None:
    report.add(f"live_p50_ms{suffix}", delays.live_p50_ms)
    report.add(f"live_p99_ms{suffix}", delays.live_p99_ms)
    report.add(f"stored_p50_ms{suffix}", delays.stored_p50_ms)
    report.add(f"stored_p99_ms{suffix}", delays.stored_p99_ms)
    report.add(f"delay_load_events_per_s{suffix}", delays.offered_per_second)


def _note_end_to_end(report: Report, results: EndToEnd, progress: Console) -> None:
    report.add("end_to_end_events_per_s", results.events_per_second)
    report.add("raw_copy_rows_per_s", results.raw_rows_per_second)
    report.figures["end_to_end_ratio"] = results.ratio
    report.add_by_service("cpu_us_per_event", results.cpu_us)
    report.add_by_service("rss_mb", results.peak_mb)
    verdicts = ", ".join(f"{count} {name}" for name, count in results.verdicts.items() if count)
    progress.print(f"at least {results.subjects} people a run; all runs together: {verdicts}")


def _describe_machine(progress: Console) -> None:
    cores = psutil.cpu_count() or 1
    load = psutil.getloadavg()[0]
    progress.print(f"{cores} cores, load average {load:.2f}")
    if load > cores / 4:
        progress.print("the machine has other work: expect wide ranges", style="yellow")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, to try the harness")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="NAME")
    parser.add_argument(
        "--rate", type=float, help="events/s for `delay`; else half of what `end_to_end` finds"
    )
    options = parser.parse_args()
    if "delay" in options.only and "end_to_end" not in options.only and not options.rate:
        parser.error("`delay` without `end_to_end` needs --rate")
    return options


if __name__ == "__main__":
    sys.exit(main())
