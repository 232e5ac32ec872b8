"""The options that commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.exits import fail

AppId = Annotated[str, typer.Option("--app", help="The app.")]
SubjectId = Annotated[str, typer.Option("--subject", help="The person, in the app's own ids.")]
EventCategories = Annotated[
    list[str] | None,
    typer.Option("--category", help="Only events of this category; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV with all columns.")]
Last = Annotated[
    str,
    typer.Option("--last", metavar="TIME", help="Up to now: 24h, 7d, 30d, from 1h to 366d."),
]
# Of numbers by period: of rollups (whose periods are buckets) and metrics.
PeriodsFrom = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="TIME",
        help="From the period on that this time is in, which is taken whole. ISO 8601, UTC if it names no"
        " zone; a date is its midnight.",
    ),
]
PeriodsTo = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="TIME",
        help="Periods that begin before this time; a date is the whole day, to its end.",
    ),
]
RollupNames = Annotated[
    list[str] | None, typer.Option("--rollup", help="Only this rollup; may be repeated.")
]
AllowRejected = Annotated[
    bool,
    typer.Option(
        "--allow-rejected",
        help="Exit with 0 even if rows were rejected or could not be read.",
    ),
]


def check_format(*, as_json: bool, as_csv: bool) -> None:
    """Ends the command if both are asked for."""
    if as_json and as_csv:
        fail("--json and --csv: only one of them", 2)


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
