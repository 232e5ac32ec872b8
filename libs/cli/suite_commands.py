"""`weir up`, `serve`, `migrate`, `doctor`: run Weir, and see how it is."""

import json
import os
import shlex
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from libs.catalog import Catalog
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
from libs.cli.example_event import example_event
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
    # Mistakes in them are shown before anything is started.
    loaded = all_catalogs(folder)
    environment = {**os.environ, "WEIR_CATALOGS": str(folder)}
    suite = Suite(
        Home.from_environment(environment),
        environment,
        report=lambda line: tell(console, line, "dim"),
    )
    with interruptible() as interruption, errors_as_messages():
        try:
            print_welcome(console, suite.start(), loaded)
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


# The app and event of the calls to copy, if the catalogs have them: an app that is there to be tried.
FIRST_APP, FIRST_EVENT = "unofficial_communities", "community.member.joined"
_SUBJECT = "12345"


def print_welcome(console: Console, addresses: Addresses, catalogs: Mapping[str, Catalog]) -> None:
    """Where everything is, and calls to copy."""
    table = Table("part", "address", "metrics", title="Weir is up")
    for name, address in addresses.services.items():
        table.add_row(name, address, addresses.metrics[name])
    console.print(table)
    # Not wrapped and not coloured: these lines are there to be copied.
    console.print(f"\nexport TOKEN={addresses.token}\n", soft_wrap=True, highlight=False)
    for call in _calls(addresses, catalogs):
        console.print(f"{call}\n", soft_wrap=True, markup=False, highlight=False)


def _calls(addresses: Addresses, catalogs: Mapping[str, Catalog]) -> Iterator[str]:
    """Command lines about an app of the catalogs: an event that its catalog accepts, and a question of
    consent."""
    found = {app_id: example_event(catalog, FIRST_EVENT) for app_id, catalog in catalogs.items()}
    with_event = [app_id for app_id, example in found.items() if example]
    app_id = next(iter([*(app for app in with_event if app == FIRST_APP), *with_event, *found]), "")
    if not app_id:
        return
    if example := found[app_id]:
        name, properties = example
        event = {
            "event_id": str(uuid.uuid4()),
            "name": name,
            "occurred_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "subject_id": _SUBJECT,
        }
        if catalogs[app_id].group_name:
            event["group_id"] = "1"
        request = {
            "app_id": app_id,
            "event": event | ({"properties": properties} if properties else {}),
        }
        yield _grpcurl(addresses, "ingest", "weir.ingest.v1.IngestService/TrackEvent", request)
    for purpose in list(catalogs[app_id].purposes)[:1]:
        question = {"app_id": app_id, "subject_id": _SUBJECT, "purpose": purpose}
        yield _grpcurl(
            addresses, "privacy", "weir.privacy.v1.PrivacyService/CheckConsent", question
        )


def _grpcurl(addresses: Addresses, service: str, method: str, message: Mapping[str, object]) -> str:
    return (
        f'grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d {shlex.quote(json.dumps(message))} '
        f"{addresses.services[service]} {method}"
    )


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """Ends the command with a message if the suite or its database does not come up."""
    try:
        yield
    except (HomeError, ConfigurationError, StartError, DatabaseError) as error:
        fail(str(error))
