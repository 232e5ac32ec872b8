"""`weir status` and `weir doctor`: see how Weir is."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from cli.catalog_folders import REFUSED
from cli.doctor import examine
from cli.exits import fail
from cli.findings import Finding, State
from cli.options import AsJson, CatalogFolder
from cli.status import parts_of
from cli.tables import output_console
from suite.home import Addresses, Home, HomeError, NotRunningError

if TYPE_CHECKING:
    from libs.catalog import Problem

_COLORS = {State.OK: "green", State.NOTE: "yellow", State.BROKEN: "red"}


def status(as_json: AsJson = False) -> None:
    """Say what serves; exit code 0 only if everything does.

    Asks the stores and the services of the suite that runs in WEIR_HOME.
    """
    try:
        addresses = Home.from_environment(os.environ).read_addresses()
    except HomeError as error:
        if as_json and isinstance(error, NotRunningError):
            typer.echo(json.dumps({"running": False, "serving": False, "parts": {}}))
            raise typer.Exit(1) from None
        fail(str(error))
    parts = parts_of(addresses)
    problems = _catalog_problems(addresses)
    serving = all(part.serving for part in parts)
    if as_json:
        shown = {
            part.name: {
                "address": part.address,
                "serving": part.serving,
                **({"catalogs": part.catalogs} if part.name in addresses.services else {}),
            }
            for part in parts
        }
        answer = {
            "running": True,
            "pid": addresses.pid,
            "serving": serving,
            "parts": shown,
            "catalog_problems": [asdict(problem) for problem in problems],
        }
        typer.echo(json.dumps(answer, indent=2))
    else:
        for part in parts:
            words = "serving" if part.serving else "not serving"
            catalogs = f"catalogs {part.catalogs}" if part.catalogs else ""
            typer.echo(f"{part.name:<10} {words:<12} {part.address:<21} {catalogs}".rstrip())
        if len({part.catalogs for part in parts if part.catalogs}) > 1:
            typer.echo(
                "The services work with different catalogs: `weir doctor` says which is the folder's."
            )
        if problems:
            typer.echo("\n".join([*map(str, problems), REFUSED]))
    if not serving:
        raise typer.Exit(1)


def _catalog_problems(addresses: Addresses) -> "Sequence[Problem]":
    """What is wrong with the files of the suite's folder, which its services then do not use."""
    # Imported here: without a running suite there are none.
    from libs.catalog import CatalogError, load_snapshot

    # Empty if an older Weir wrote the file.
    if addresses.catalogs:
        try:
            load_snapshot(Path(addresses.catalogs))
        except CatalogError as error:
            return error.problems
    return ()


def doctor(
    catalogs: CatalogFolder = None,
    running: Annotated[
        bool, typer.Option("--running", help="Count it as broken if no suite runs in WEIR_HOME.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check everything that Weir needs; exit code 1 if something is broken."""
    home = Home.from_environment(os.environ)
    findings = examine(home, os.environ, catalogs, must_run=running)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    if any(finding.state is State.BROKEN for finding in findings):
        raise typer.Exit(1)


def _print(findings: Sequence[Finding]) -> None:
    # Addresses and paths have no blanks to break a line at, and what is cut off cannot be read.
    table = Table("", "", Column(overflow="fold"), show_header=False, box=None)
    for finding in findings:
        state = f"[{_COLORS[finding.state]}]{finding.state}[/]"
        table.add_row(state, escape(finding.name), escape(finding.detail))
    output_console().print(table)
