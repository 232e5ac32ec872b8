"""`weir up` and `weir migrate`: run Weir on this machine, and bring its database up to date."""

import json
import os
import shlex
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.catalog_folders import catalog_snapshot, default_catalogs
from cli.catalog_watch import CatalogWatch
from cli.example_event import example_event
from cli.exits import fail
from cli.interruption import interruptible, tell
from cli.options import OwnCatalogFolder
from cli.suite_channel import running_suite
from libs.catalog import Catalog
from libs.common.errors import ConfigurationError
from suite.embedded import StartError
from suite.home import Addresses, Home, HomeError
from suite.migrate import DatabaseError, upgrade
from suite.supervisor import Suite


def up(
    catalogs: OwnCatalogFolder = None,
    ingest_workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes of ingest that share its port (WEIR_INGEST_WORKERS)."),
    ] = None,
) -> None:
    """Run the whole suite in the foreground, with embedded stores; Ctrl-C stops it in good order."""
    console = Console()
    folder = catalogs or default_catalogs()
    # Mistakes in them are shown before anything is started.
    loaded = catalog_snapshot(folder)
    watch = CatalogWatch(folder, loaded, lambda line: tell(console, line))
    environment = {**os.environ, "WEIR_CATALOGS": str(folder)}
    if ingest_workers:
        environment["WEIR_INGEST_WORKERS"] = str(ingest_workers)
    suite = Suite(
        Home.from_environment(environment),
        environment,
        report=lambda line: tell(console, line, "dim"),
    )
    with interruptible() as interruption, errors_as_messages():
        try:
            print_welcome(console, suite.start(), loaded.catalogs)
            suite.supervise(until=interruption.is_wanted, look=watch.look)
        except KeyboardInterrupt:
            tell(console, "stopping; once more to leave at once")
        finally:
            suite.stop()


def migrate() -> None:
    """Bring the database of WEIR_DATABASE_URL, else of the running suite, to the newest revision."""
    url = os.environ.get("WEIR_DATABASE_URL") or running_suite().database_url
    with errors_as_messages():
        typer.echo(f"at revision {upgrade(url)}")


# The app of the calls to copy, if the catalogs have it: one that is there to be tried.
FIRST_APP = "unofficial_communities"
_SUBJECT = "12345"


def print_welcome(console: Console, addresses: Addresses, catalogs: Mapping[str, Catalog]) -> None:
    """Where everything is, and calls to copy."""
    table = Table("part", "address", "metrics", title="Weir is up")
    for name, address in addresses.services.items():
        table.add_row(name, address, addresses.metrics[name])
    console.print(table)
    console.print(
        "Ctrl-C stops it. From another terminal, `weir status` says what serves, and `weir doctor` what is "
        "wrong.",
        highlight=False,
    )
    # Not wrapped and not coloured: these lines are there to be copied.
    console.print(f"\nexport TOKEN={addresses.token}\n", soft_wrap=True, highlight=False)
    for call in _calls(addresses, catalogs):
        console.print(f"{call}\n", soft_wrap=True, markup=False, highlight=False)


def _calls(addresses: Addresses, catalogs: Mapping[str, Catalog]) -> Iterator[str]:
    """Command lines about an app of the catalogs: an event that its catalog accepts, and a question of
    consent."""
    found = {app_id: example_event(catalog) for app_id, catalog in catalogs.items()}
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
