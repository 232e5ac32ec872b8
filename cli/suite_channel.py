"""Calls to the suite that runs in WEIR_HOME."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cli.catalog_folders import catalog_folder, other_apps
from cli.exits import call_errors_as_messages, fail
from suite.home import Addresses, Home, HomeError

if TYPE_CHECKING:
    import grpc


def running_suite() -> Addresses:
    """The addresses of the suite that runs in WEIR_HOME; ends the command if none runs."""
    try:
        return Home.from_environment(os.environ).read_addresses()
    except HomeError as error:
        fail(str(error))


@contextmanager
def calls_to(
    service: str, make_stub: "Callable[[grpc.Channel], Any]", app_id: str
) -> Iterator[Any]:
    """The calls of a service of the running suite (`libs.rpc.channels.Calls`) about one app; an error
    becomes one line on stderr."""
    addresses = running_suite()
    # Imported here: `status` imports this module, and no command that finds no suite needs gRPC.
    import grpc

    from libs.rpc.channels import Calls, open_channel
    from weir_client import describe_error

    with call_errors_as_messages(), open_channel(addresses.services[service]) as channel:
        try:
            yield Calls(make_stub(channel), addresses.token)
        except grpc.RpcError as error:
            problem = describe_error(error)
            if problem.reason != "APP_UNKNOWN":
                raise
            # The service names no other apps (they may be no business of its caller); the catalogs do.
            fail(f"{problem}{_apps_here(app_id)}")


def _apps_here(app_id: str) -> str:
    """What the catalogs of the running suite say of an app; nothing if they cannot be read here."""
    from libs.catalog import CatalogError, load_catalogs

    try:
        return other_apps(app_id, load_catalogs(catalog_folder(None)))
    except CatalogError:
        return ""
