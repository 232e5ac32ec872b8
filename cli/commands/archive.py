"""`weir archive`: what is in the archive, whether it is whole, and a day of it back in the database."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cli.catalog_folders import all_catalogs, catalog_folder
from cli.exits import fail
from cli.options import AsCsv, AsJson, CatalogFolder, check_format
from cli.suite_channel import running_suite
from cli.tables import Column, print_columns
from cli.wording import count
from libs.audit import Action, AuditEntry, Caller, Outcome
from libs.common.clock import SystemClock
from libs.common.errors import ConfigurationError, Unavailable
from libs.common.ids import new_uuid7
from libs.objects import ObjectStore, ObjectStoreError
from suite.home import Home

if TYPE_CHECKING:
    from services.enrich.archive.restoring import Restored

app = typer.Typer(
    no_args_is_help=True,
    help="See what is in the archive, verify it, and restore a day of it.",
)
SETTING = "WEIR_ENRICH_ARCHIVE_URL"
OneApp = Annotated[str, typer.Option("--app", metavar="APP", help="Only this app.")]


@app.callback()
def main() -> None:
    """See what is in the archive, verify it, and restore a day of it.

    The archive is that of WEIR_ENRICH_ARCHIVE_URL, else of the suite's home.
    """


@app.command("list")
def list_days(app_id: OneApp = "", as_json: AsJson = False, as_csv: AsCsv = False) -> None:
    """List the days that are in the archive, as their manifests have them."""
    check_format(as_json=as_json, as_csv=as_csv)
    from services.enrich.archive.inspection import archived_days

    with _errors_as_messages():
        days = asyncio.run(archived_days(_objects(), app_id))
    if as_json:
        plain = [
            {
                "app_id": day.app_id,
                "date": day.day.isoformat(),
                "events": day.events,
                "size_bytes": day.size_bytes,
                "files": [file.key for file in day.files],
            }
            for day in days
        ]
        typer.echo(json.dumps(plain, indent=2))
        return
    if not days and not as_csv:
        typer.echo(f"the archive has no day of {app_id}" if app_id else "the archive is empty")
        return
    columns = [
        Column("app", "app_id", [day.app_id for day in days]),
        Column("day", "date", [day.day.isoformat() for day in days]),
        Column("events", "events", [str(day.events) for day in days], is_number=True),
        Column("files", "files", [str(len(day.files)) for day in days], is_number=True),
        Column("bytes", "size_bytes", [str(day.size_bytes) for day in days], is_number=True),
    ]
    print_columns(columns, as_csv=as_csv, at_least=3)


@app.command()
def verify(app_id: OneApp = "", as_json: AsJson = False) -> None:
    """Read every file and compare it with its manifest; exit code 1 if anything is missing, changed or in no
    manifest."""
    from services.enrich.archive.inspection import verify as verify_files
    from services.enrich.archive.parquet import ParquetFiles

    with _errors_as_messages():
        found = asyncio.run(verify_files(_objects(), ParquetFiles(), app_id))
    if as_json:
        plain = {"days": found.days, "files": found.files, "events": found.events}
        typer.echo(json.dumps({**plain, "wrong": found.wrong}, indent=2))
    else:
        for line in found.wrong:
            typer.echo(line)
        whole = "all as they were written" if not found.wrong else "of the others"
        typer.echo(
            f"{count(found.files, 'file')} of {count(found.days, 'day')},"
            f" {count(found.events, 'event')} {whole}"
        )
    if found.wrong:
        raise typer.Exit(1)


@app.command()
def restore(
    app_id: Annotated[str, typer.Option("--app", metavar="APP", help="The app.")],
    day: Annotated[str, typer.Option("--date", metavar="DATE", help="The day, as 2026-08-22.")],
    catalogs: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Restore a day into a schema of its own, restored_APP_DATE, which the role weir_read can read.

    In the database of WEIR_DATABASE_URL, else of the running suite, as its owner. Its table `events` has the
    columns of enrich.events. Numbers and queries do not see it. It goes after a week, or with an erasure in
    its app. Events of people who were erased are left out, but for those that a law keeps by the catalog.
    It waits up to 90 seconds for other work on the archive.
    It leaves an entry in the audit trail.
    """
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        fail("--date: must be a day such as 2026-08-22", 2)
    with _errors_as_messages():
        found = asyncio.run(_restore(app_id, wanted, catalogs))
    if as_json:
        plain = {"schema": found.schema, "events": found.events, "erased": found.erased}
        typer.echo(json.dumps(plain))
        return
    left = f"; {found.erased} of erased people were left out" if found.erased else ""
    typer.echo(f"{count(found.events, 'event')} in {found.schema}.events{left}")


async def _restore(app_id: str, day: date, catalogs: Path | None) -> "Restored":
    from libs.catalog import kept_names
    from libs.stores.postgres_connector import PostgresConnector
    from services.enrich.archive.inspection import archived_days
    from services.enrich.archive.parquet import ParquetFiles
    from services.enrich.archive.postgres import take_next_turn
    from services.enrich.archive.restoring import restore as restore_day
    from services.privacy.audit.postgres import add_entry_directly

    objects = _objects()
    catalog = all_catalogs(catalog_folder(catalogs)).get(app_id)
    kept = kept_names(catalog) if catalog else None
    url = os.environ.get("WEIR_DATABASE_URL") or running_suite().database_url
    connection = await PostgresConnector(url, service="restore").connect()
    async with connection:
        # An erasure waits for what was begun before it, and what is begun after it reads the files it left.
        await take_next_turn(connection)
        found = [each for each in await archived_days(objects, app_id) if each.day == day]
        if not found:
            fail(f"the archive has nothing of {app_id} on {day}")
        restored = await restore_day(connection, objects, ParquetFiles(), found[0], kept)
        # In the same transaction: what cannot be put on record is not restored.
        await add_entry_directly(connection, _entry(app_id, connection.info.user, restored))
        return restored


def _entry(app_id: str, role: str, restored: "Restored") -> AuditEntry:
    """Of the audit trail: by a role of the database, because no credential is asked for."""
    return AuditEntry(
        app_id=app_id,
        entry_id=UUID(bytes=new_uuid7()),
        occurred_at_us=SystemClock().now_us(),
        caller=Caller(f"weir archive restore as {role}"),
        action=Action.ARCHIVE_RESTORED,
        outcome=Outcome.DONE,
        details={
            "schema": restored.schema,
            "events": restored.events,
            "erased": restored.erased,
        },
    )


def _objects() -> ObjectStore:
    from libs.objects.opening import open_objects

    url = os.environ.get(SETTING) or Home.from_environment(os.environ).archive_url
    return open_objects(url, SETTING)


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    from psycopg import Error as PostgresError

    from services.enrich.archive.model import ArchiveError

    try:
        yield
    except (
        ArchiveError,
        ConfigurationError,
        ObjectStoreError,
        Unavailable,
        ValueError,
    ) as error:
        fail(str(error))
    except PostgresError as error:
        fail(f"Postgres: {error.diag.message_primary or type(error).__name__}")
