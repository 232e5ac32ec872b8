"""Which catalogs a command is about."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cli.exits import fail
from libs.runtime.resources import CATALOGS
from suite.home import Home, HomeError, NotRunningError

if TYPE_CHECKING:
    from libs.catalog import Catalog, Snapshot

# What services do when the files of their folder change and one of them is broken.
REFUSED = "The changed catalogs are refused; services go on with those of before."


def default_catalogs() -> Path:
    """The folder that a suite reads by default: `catalogs` here, else Weir's own."""
    here = Path("catalogs")
    return here if here.is_dir() else CATALOGS


def catalog_folder(given: Path | None) -> Path:
    """The folder that the option names, else the running suite's, else the default; ends the command
    if WEIR_HOME cannot be read."""
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
    # Imported here: every command imports this module, and few read catalogs.
    return catalog_snapshot(folder).catalogs


def catalog_snapshot(folder: Path) -> "Snapshot":
    """The catalogs and their version; ends the command, with every mistake, if they cannot be used."""
    from libs.catalog import CatalogError, load_snapshot

    try:
        return load_snapshot(folder)
    except CatalogError as error:
        fail(str(error))


def app_catalog(app_id: str, given: Path | None) -> "Catalog":
    """The catalog of one app; ends the command, as wrong usage, if there is none."""
    catalogs = all_catalogs(catalog_folder(given))
    if app_id not in catalogs:
        fail(f"no app `{app_id}`{other_apps(app_id, catalogs)}", 2)
    return catalogs[app_id]


def other_apps(app_id: str, catalogs: "Mapping[str, Catalog]") -> str:
    """What a message about an app without a catalog ends with: the app that may be meant, and all."""
    from libs.catalog.problems import did_you_mean

    meant = did_you_mean(app_id, catalogs).removesuffix("?")
    return f"{meant}; there are {', '.join(catalogs) or 'none'}"
