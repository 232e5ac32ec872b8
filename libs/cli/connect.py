"""What commands that talk to a running suite begin with: where it is, and which catalog applies."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import grpc
import typer

from libs.catalog import Catalog, CatalogError, load_catalogs
from libs.catalog.problems import did_you_mean
from libs.client import GaveUpError, describe_error
from libs.common.home import Addresses, Home, HomeError
from libs.common.settings import REPOSITORY

App = Annotated[str, typer.Option("--app", help="The app whose events they are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
CatalogFolder = Annotated[
    Path | None,
    typer.Option(
        "--catalogs",
        envvar="WEIR_CATALOGS",
        help="Folder with the catalogs.",
        show_default="./catalogs, else the ones that come with Weir",
    ),
]


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command with a message on stderr; code 2 is for wrong usage."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def running_suite() -> Addresses:
    """The addresses of the suite that runs in WEIR_HOME; ends the command where none runs."""
    try:
        return Home.from_environment(os.environ).read_addresses()
    except HomeError as error:
        fail(str(error))


def catalog_folder(given: Path | None) -> Path:
    """The folder that the option names, else `catalogs` here, else the one that comes with Weir."""
    if given is not None:
        return given
    here = Path("catalogs")
    return here if here.is_dir() else REPOSITORY / "catalogs"


def app_catalog(app_id: str, folder: Path | None) -> Catalog:
    """The catalog of one app; ends the command, as wrong usage, where there is none."""
    try:
        catalogs = load_catalogs(catalog_folder(folder))
    except CatalogError as error:
        fail("\n".join(str(problem) for problem in error.problems))
    if app_id not in catalogs:
        fail(f"no app `{app_id}`{did_you_mean(app_id, catalogs)}; `weir catalog list` has all", 2)
    return catalogs[app_id]


def call_metadata(addresses: Addresses) -> tuple[tuple[str, str], ...]:
    """The metadata that every call carries."""
    return (("authorization", f"Bearer {addresses.token}"),)


@contextmanager
def call_errors_as_messages() -> Iterator[None]:
    """Ends the command with one line where a call fails for good."""
    try:
        yield
    except grpc.RpcError as error:
        fail(str(describe_error(error)))
    except GaveUpError as error:
        fail(f"the events in flight have no verdict: {error.problem}")
