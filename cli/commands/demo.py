"""`weir demo`: a believable day through the real suite, and every number checked."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cli.catalog_folders import catalog_snapshot, default_catalogs
from cli.catalog_watch import CatalogWatch
from cli.commands.suite import errors_as_messages, print_welcome
from cli.exits import call_errors_as_messages, fail
from cli.interruption import interruptible, tell
from cli.options import OwnCatalogFolder
from demo.check import Findings, check
from demo.generator import APP_IDS, generate_day
from demo.model import Day
from demo.numbers import Numbers
from demo.stored import StoredEvents
from demo.tables import dashboard, verdict_table
from demo.traffic import record_choices, stream_day
from libs.catalog import Catalog, Snapshot
from suite.home import Addresses, Home
from suite.supervisor import Suite

_COUNT_SECONDS = 30.0
# The demo counts every event of its stores, so it has stores of its own.
_OWN = ("WEIR_DATABASE_URL", "WEIR_READ_DATABASE_URL", "WEIR_REDIS_URL")
# Of tables that go to a file or a pipe.
_FILE_WIDTH = 110
_EARLIEST = date(2000, 1, 1)


def demo(
    seed: Annotated[int, typer.Option(help="Another seed is another day.")] = 1,
    events: Annotated[int, typer.Option(help="About how many events.", min=2_000)] = 20_000,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="The day it all happens.", show_default="yesterday"
        ),
    ] = None,
    stay: Annotated[bool, typer.Option("--stay", help="Keep the suite up, until Ctrl-C.")] = False,
    catalogs: OwnCatalogFolder = None,
) -> None:
    """Stream a believable day of all five products through the real suite, and check every number.

    Runs in a home of its own, `demo` in WEIR_HOME, with embedded stores, and begins empty. The last
    line is JSON. Exit code 1 if anything is not as it should be.
    """
    started = time.monotonic()
    today = datetime.now(UTC).date()
    when = day.date() if day else today - timedelta(days=1)
    if not _EARLIEST <= when < today:
        fail(f"--day: must be from {_EARLIEST} to yesterday", 2)
    folder = catalogs or default_catalogs()
    snapshot = _catalogs(folder)
    loaded = snapshot.catalogs
    home = Home(Home.from_environment(os.environ).path / "demo")
    environment = {name: value for name, value in os.environ.items() if name not in _OWN}
    environment["WEIR_CATALOGS"] = str(folder)
    console, aside = Console(), Console(stderr=True)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    watch = CatalogWatch(folder, snapshot, lambda line: tell(aside, line))
    findings = None
    with interruptible() as interruption, errors_as_messages():
        _empty(home)
        suite = Suite(
            home,
            environment,
            report=lambda line: tell(aside, line, "dim"),
        )
        try:
            addresses = suite.start()
            with call_errors_as_messages():
                findings = _run(console, aside, addresses, loaded, generate_day(seed, events, when))
            seconds = time.monotonic() - started
            if stay:
                _print_result(console, findings, seconds)
                print_welcome(console, addresses, loaded)
                console.print(f"export WEIR_HOME={home.path}\n", soft_wrap=True, highlight=False)
                suite.supervise(until=interruption.is_wanted, look=watch.look)
        except KeyboardInterrupt:
            tell(aside, "stopping; once more to leave at once")
        finally:
            suite.stop()
    if findings is None:
        raise typer.Exit(1)
    if not stay:
        # Only now, so that it is the last line whatever stopping has to say.
        _print_result(console, findings, seconds)
    if findings.wrong:
        raise typer.Exit(1)


def _catalogs(folder: Path) -> Snapshot:
    loaded = catalog_snapshot(folder)
    if missing := [app_id for app_id in APP_IDS if app_id not in loaded.catalogs]:
        fail(f"{folder} has no catalog of {', '.join(missing)}", 2)
    return loaded


def _empty(home: Home) -> None:
    """Removes what an earlier demo left. Raises HomeError if one still runs."""
    with home.lock():
        for entry in home.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.suffix != ".lock":
                entry.unlink()


def _run(
    console: Console,
    aside: Console,
    addresses: Addresses,
    catalogs: Mapping[str, Catalog],
    day: Day,
) -> Findings:
    record_choices(addresses, day.choices)
    with Progress(console=aside, transient=True, disable=not aside.is_terminal) as progress:
        task = progress.add_task("streaming", total=len(day.events))
        answered = stream_day(addresses, day, lambda sent: progress.update(task, completed=sent))
    with (
        Numbers(addresses) as numbers,
        StoredEvents(addresses.read_database_url) as stored,
    ):
        findings = check(day, answered, numbers, stored, catalogs, timeout_seconds=_COUNT_SECONDS)
    tables = [*dashboard(catalogs, findings.cells), ("Verdicts", verdict_table(catalogs, answered))]
    for title, table in tables:
        console.print(f"\n{title}", style="bold")
        console.print(table)
    return findings


def _print_result(console: Console, findings: Findings, seconds: float) -> None:
    for line in findings.wrong:
        console.print(f"WRONG: {line}", markup=False, highlight=False, soft_wrap=True)
    typer.echo(json.dumps({**findings.totals.as_dict(), "seconds": round(seconds, 1)}))
