"""What commands share: their common options, where the running suite is, which catalogs apply, and how
they end when something is wrong.

gRPC and the reader of catalogs are imported by the functions that need them: every command imports this
module, and many call no service.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from libs.runtime.resources import CATALOGS
from suite.home import Addresses, Home, HomeError, NotRunningError

if TYPE_CHECKING:
    import grpc

    from libs.catalog import Catalog

AppId = Annotated[str, typer.Option("--app", help="The app.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
AllowRejected = Annotated[
    bool,
    typer.Option(
        "--allow-rejected",
        help="Exit with 0 even if rows were rejected or could not be read.",
    ),
]


def _catalogs_option(default: str) -> Any:
    return typer.Option(
        "--catalogs",
        envvar="WEIR_CATALOGS",
        help="Folder with the catalogs.",
        show_default=default,
    )


_DEFAULT_CATALOGS = "./catalogs, else the ones that come with Weir"
# Of commands about a suite that may be running, and of those that start one.
CatalogFolder = Annotated[
    Path | None, _catalogs_option(f"the running suite's, else {_DEFAULT_CATALOGS}")
]
OwnCatalogFolder = Annotated[Path | None, _catalogs_option(_DEFAULT_CATALOGS)]

_CALL_SECONDS = 30.0
_CHANNEL_OPTIONS = [
    # A proxy from the environment has no business between us and our own suite.
    ("grpc.enable_http_proxy", 0),
    # For pages of cells with long dimensions.
    ("grpc.max_receive_message_length", 16 << 20),
]


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends the command with a message on stderr; code 2 is for wrong usage."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def running_suite() -> Addresses:
    """The addresses of the suite that runs in WEIR_HOME; ends the command if none runs."""
    try:
        return Home.from_environment(os.environ).read_addresses()
    except HomeError as error:
        fail(str(error))


def default_catalogs() -> Path:
    """The folder that a suite reads by default: `catalogs` here, else Weir's own."""
    here = Path("catalogs")
    return here if here.is_dir() else CATALOGS


def catalog_folder(given: Path | None) -> Path:
    """The folder that the option names, else the running suite's, else the default; ends the command
    where WEIR_HOME cannot be read."""
    if given is not None:
        return given
    try:
        running = Home.from_environment(os.environ).read_addresses().catalogs
    except NotRunningError:
        running = ""
    except HomeError as error:
        fail(str(error))
    return Path(running) if running else default_catalogs()


def all_catalogs(folder: Path) -> "Mapping[str, Catalog]":
    """The catalogs by app; ends the command, with every mistake, if they cannot be used."""
    from libs.catalog import CatalogError, load_catalogs

    try:
        return load_catalogs(folder)
    except CatalogError as error:
        fail(str(error))


def app_catalog(app_id: str, given: Path | None) -> "Catalog":
    """The catalog of one app; ends the command, as wrong usage, if there is none."""
    from libs.catalog.problems import did_you_mean

    catalogs = all_catalogs(catalog_folder(given))
    if app_id not in catalogs:
        meant = did_you_mean(app_id, catalogs).removesuffix("?")
        fail(f"no app `{app_id}`{meant}; there are {', '.join(catalogs)}", 2)
    return catalogs[app_id]


def open_channel(addresses: Addresses, service: str) -> "grpc.Channel":
    """A channel to a service of the suite."""
    import grpc

    return grpc.insecure_channel(addresses.services[service], options=_CHANNEL_OPTIONS)


def call_metadata(addresses: Addresses) -> tuple[tuple[str, str], ...]:
    """The metadata that every call carries."""
    return (("authorization", f"Bearer {addresses.token}"),)


class _Calls:
    """A stub whose calls carry the suite's token, and a deadline unless the call says otherwise."""

    def __init__(self, stub: Any, metadata: tuple[tuple[str, str], ...]) -> None:
        self._stub = stub
        self._metadata = metadata

    def __getattr__(self, rpc: str) -> Any:
        method = getattr(self._stub, rpc)

        def call(request: object, timeout: float | None = _CALL_SECONDS) -> Any:
            return method(request, timeout=timeout, metadata=self._metadata)

        return call


@contextmanager
def calls_to(service: str, make_stub: "Callable[[grpc.Channel], Any]") -> Iterator[Any]:
    """A stub of a service of the running suite; what goes wrong becomes one line on stderr."""
    addresses = running_suite()
    with call_errors_as_messages(), open_channel(addresses, service) as channel:
        yield _Calls(make_stub(channel), call_metadata(addresses))


def pages(call: Callable[[Any], Any], request: Any) -> Iterator[Any]:
    """The answers of a call that answers page by page."""
    while True:
        response = call(request)
        yield response
        if not response.next_page_token:
            return
        request.page_token = response.next_page_token


@contextmanager
def call_errors_as_messages() -> Iterator[None]:
    """Ends the command with one line where a call fails for good."""
    import grpc

    from weir_client import GaveUpError, describe_error

    try:
        yield
    except grpc.RpcError as error:
        fail(str(describe_error(error)))
    except GaveUpError as error:
        fail(f"the events in flight have no verdict: {error.problem}")
