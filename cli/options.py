"""The options that commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

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
