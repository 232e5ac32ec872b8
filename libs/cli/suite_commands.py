"""`weir up`, `serve`, `migrate`, `doctor`: run Weir, and see how it is."""

import json
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from libs.cli.connect import (
    AsJson,
    CatalogFolder,
    OwnCatalogFolder,
    all_catalogs,
    default_catalogs,
    fail,
    running_suite,
)
from libs.cli.doctor import State, examine
from libs.cli.interruption import interruptible, tell
from libs.common.embedded import StartError
from libs.common.errors import ConfigurationError
from libs.common.home import Addresses, Home, HomeError
from libs.common.migrate import DatabaseError, upgrade
from services.local import SERVICES, Suite


def up(catalogs: OwnCatalogFolder = None) -> None:
    """Run the whole suite in the foreground, with embedded stores; Ctrl-C stops it in good order."""
    console = Console()
    folder = catalogs or default_catalogs()
    # Mistakes in them are told before anything is started.
    all_catalogs(folder)
    environment = {**os.environ, "WEIR_CATALOGS": str(folder)}
    suite = Suite(
        Home.from_environment(environment),
        environment,
        report=lambda line: tell(console, line, "dim"),
    )
    with interruptible() as interruption, errors_as_messages():
        try:
            print_welcome(console, suite.start())
            suite.supervise(until=interruption.is_wanted)
        except KeyboardInterrupt:
            tell(console, "stopping; once more to leave at once")
        finally:
            suite.stop()


def serve(
    service: Annotated[str, typer.Argument(help=" | ".join(row.name for row in SERVICES))],
) -> None:
    """Become one service, with settings from the environment (WEIR_...): for containers."""
    modules = {row.name: row.module for row in SERVICES}
    if service not in modules:
        fail(f"no service `{service}`; there are {', '.join(modules)}", 2)
    # Replaced and not started: the container's signals go straight to the service.
    os.execv(sys.executable, [sys.executable, "-P", "-m", modules[service]])


def migrate() -> None:
    """Bring the database of WEIR_DATABASE_URL, else of the running suite, to the newest revision."""
    url = os.environ.get("WEIR_DATABASE_URL") or running_suite().database_url
    with errors_as_messages():
        typer.echo(f"at revision {upgrade(url)}")


def doctor(
    catalogs: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Check everything that Weir needs; exit code 1 if something is broken."""
    findings = examine(Home.from_environment(os.environ), os.environ, catalogs)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        colors = {State.OK: "green", State.NOTE: "yellow", State.BROKEN: "red"}
        table = Table("", "", show_header=False, box=None)
        for finding in findings:
            state = f"[{colors[finding.state]}]{finding.state}[/]"
            table.add_row(state, escape(finding.name), escape(finding.detail))
        Console().print(table)
    if any(finding.state is State.BROKEN for finding in findings):
        raise typer.Exit(1)


# The app of the calls to copy; not one that anybody imports real data into.
FIRST_APP = "unofficial_communities"


def print_welcome(console: Console, addresses: Addresses) -> None:
    """Where everything is, and calls to copy."""
    table = Table("part", "address", "metrics", title="Weir is up")
    for name, address in addresses.services.items():
        table.add_row(name, address, addresses.metrics[name])
    console.print(table)
    # Not wrapped and not coloured: these lines are there to be copied.
    console.print(f"\nexport TOKEN={addresses.token}\n", soft_wrap=True, highlight=False)
    for call in _calls(addresses):
        console.print(f"{call}\n", soft_wrap=True, markup=False, highlight=False)


def _calls(addresses: Addresses) -> Iterator[str]:
    event = {
        "event_id": str(uuid.uuid4()),
        "name": "community.member.joined",
        "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "subject_id": "12345",
        "group_id": "1",
    }
    question = {"app_id": FIRST_APP, "subject_id": "12345", "purpose": "telemetry"}
    calls = (
        (
            "ingest",
            "weir.ingest.v1.IngestService/TrackEvent",
            {"app_id": FIRST_APP, "event": event},
        ),
        ("privacy", "weir.privacy.v1.PrivacyService/CheckConsent", question),
    )
    for service, method, message in calls:
        yield (
            f"grpcurl -plaintext -H \"authorization: Bearer $TOKEN\" -d '{json.dumps(message)}' "
            f"{addresses.services[service]} {method}"
        )


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """Ends the command with a message if the suite or its database does not come up."""
    try:
        yield
    except (HomeError, ConfigurationError, StartError, DatabaseError) as error:
        fail(str(error))
