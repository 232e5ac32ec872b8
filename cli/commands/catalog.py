"""`weir catalog`: check catalogs, and read what they declare."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from cli.catalog_filters import filter_mistakes
from cli.catalog_folders import app_catalog, catalog_folder, catalog_snapshot
from cli.exits import fail
from cli.options import AsJson, CatalogFolder
from cli.tables import output_console
from libs.catalog import (
    Catalog,
    CatalogError,
    EventType,
    EventVersion,
    Rollup,
    load_catalog,
    load_catalogs,
)
from libs.catalog.folder import catalog_files
from libs.catalog.inert_keys import inert_key_notes
from libs.catalog.problems import Problem, did_you_mean

app = typer.Typer(no_args_is_help=True, help="Check catalogs, and read what they declare.")


@app.command()
def lint(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATHS]...", help="Files or folders; else the catalogs folder."),
    ] = None,
    catalogs: CatalogFolder = None,
) -> None:
    """Check catalogs: one `file:line: reason` for each mistake, and exit code 1 if there is one.

    Notes say which keys nothing acts on yet.
    """
    checked = 0
    mistakes: list[str] = []
    notes: list[str] = []
    for path in paths or [catalog_folder(catalogs)]:
        try:
            found = load_catalogs(path).values() if path.is_dir() else [load_catalog(path)]
            checked += len(found)
            mistakes.extend(mistake for catalog in found for mistake in filter_mistakes(catalog))
            notes.extend(f"note: {note}" for file in _files(path) for note in _notes(file))
        except CatalogError as error:
            mistakes.extend(str(problem) for problem in error.problems)
    for line in (*notes, *mistakes):
        typer.echo(line)
    if mistakes:
        raise typer.Exit(1)
    typer.echo(f"ok: {checked} {'catalog' if checked == 1 else 'catalogs'}")


def _files(path: Path) -> list[Path]:
    return catalog_files(path) if path.is_dir() else [path]


def _notes(file: Path) -> list[Problem]:
    return inert_key_notes(file.read_text(encoding="utf-8"), str(file))


@app.command("list")
def list_apps(catalogs: CatalogFolder = None, as_json: AsJson = False) -> None:
    """List the apps and how much each declares."""
    snapshot = catalog_snapshot(catalog_folder(catalogs))
    rows = [
        {
            "app_id": catalog.app_id,
            "title": catalog.title,
            "events": len(catalog.events),
            "purposes": len(catalog.purposes),
            "rollups": len(catalog.rollups),
        }
        for catalog in snapshot.catalogs.values()
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table("app", "title", "events", "purposes", "rollups")
    for row in rows:
        table.add_row(*(escape(str(value)) for value in row.values()))
    output_console().print(table)
    typer.echo(f"version {snapshot.version}")


@app.command()
def show(
    app_id: Annotated[str, typer.Argument(metavar="APP")],
    event: Annotated[str | None, typer.Argument(metavar="[EVENT]")] = None,
    catalogs: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show one app, or one of its events."""
    catalog = app_catalog(app_id, catalogs)
    if event is None:
        _show_catalog(catalog, as_json)
        return
    event_type = catalog.events.get(event)
    if event_type is None:
        fail(f"no event `{event}` in {app_id}{did_you_mean(event, catalog.events)}", 2)
    _show_event(event_type, as_json)


def _show_catalog(catalog: Catalog, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_catalog_dict(catalog), indent=2))
        return
    console = output_console()
    console.print(f"{escape(catalog.title)} ({catalog.app_id})")
    # A name that is cut off cannot be copied.
    events = Table(
        Column("event", no_wrap=True), "category", "producers", "purpose", "kept", "versions"
    )
    for event in catalog.events.values():
        events.add_row(
            escape(event.name),
            escape(event.category.name),
            ", ".join(event.producers),
            event.purpose.name if event.purpose else "-",
            _days(event.raw_retention_days),
            ", ".join(event.versions),
        )
    console.print(events)
    rollups = Table("rollup", "period", "dimensions", "metrics", "kept")
    for rollup in catalog.rollups.values():
        rollups.add_row(
            rollup.name,
            rollup.period,
            ", ".join(dimension.name for dimension in rollup.dimensions),
            ", ".join(metric.name for metric in rollup.metrics),
            _days(rollup.cell_retention_days),
        )
    console.print(rollups)


def _show_event(event: EventType, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_event_dict(event), indent=2))
        return
    console = output_console()
    facts = Table(show_header=False)
    facts.add_row("event", escape(event.name))
    facts.add_row("description", escape(event.description))
    facts.add_row("category", escape(event.category.name))
    facts.add_row("producers", ", ".join(event.producers))
    facts.add_row("purpose", event.purpose.name if event.purpose else "-")
    if event.category.legal_ground:
        facts.add_row("legal ground", escape(event.category.legal_ground))
    if event.counts_only:
        facts.add_row("content", "none is kept: counts only")
    facts.add_row("kept", f"{_days(event.raw_retention_days)} (class {event.retention_class})")
    for environment, share in event.sampling.items():
        facts.add_row(f"sampled in {environment}", f"{share:g}")
    console.print(facts)
    for version in event.versions.values():
        console.print(_properties_table(version))


def _properties_table(version: EventVersion) -> Table:
    table = Table("property", "rule", "required", title=f"version {version.version}")
    properties = version.schema.get("properties")
    required = version.schema.get("required")
    names = required if isinstance(required, list) else []
    for name, rule in (properties if isinstance(properties, dict) else {}).items():
        table.add_row(escape(name), escape(json.dumps(rule)), "yes" if name in names else "")
    return table


def _catalog_dict(catalog: Catalog) -> dict[str, object]:
    return {
        "app_id": catalog.app_id,
        "title": catalog.title,
        "subject": catalog.subject_name,
        "group": catalog.group_name,
        "dedupe_window_seconds": catalog.dedupe_window_seconds,
        "purposes": {
            purpose.name: {
                "default": "granted" if purpose.default_granted else "denied",
                "when_denied": purpose.when_denied,
                "subjectless": purpose.subjectless,
            }
            for purpose in catalog.purposes.values()
        },
        "location_purpose": catalog.location_purpose.name if catalog.location_purpose else None,
        "events": {name: _event_dict(event) for name, event in catalog.events.items()},
        "rollups": {name: _rollup_dict(rollup) for name, rollup in catalog.rollups.items()},
    }


def _event_dict(event: EventType) -> dict[str, object]:
    return {
        "name": event.name,
        "description": event.description,
        "category": event.category.name,
        "producers": list(event.producers),
        "purpose": event.purpose.name if event.purpose else None,
        "legal_ground": event.category.legal_ground,
        "counts_only": event.counts_only,
        "sampling": dict(event.sampling),
        "retention_days": event.raw_retention_days,
        "retention_class": event.retention_class,
        "latest": event.latest.version,
        "versions": {name: version.schema for name, version in event.versions.items()},
    }


def _rollup_dict(rollup: Rollup) -> dict[str, object]:
    return {
        "events": sorted(rollup.events),
        "period": rollup.period,
        "dimensions": {dimension.name: str(dimension.source) for dimension in rollup.dimensions},
        "metrics": {
            metric.name: metric.kind if metric.source is None else {metric.kind: str(metric.source)}
            for metric in rollup.metrics
        },
        "retention_days": rollup.cell_retention_days,
    }


def _days(days: int | None) -> str:
    return "keep" if days is None else f"{days} d"
