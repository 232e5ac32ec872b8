"""`weir import`: a log, row by row, as events; a second import adds nothing."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from libs.catalog import Catalog
from libs.cli.connect import (
    AppId,
    AsJson,
    CatalogFolder,
    app_catalog,
    call_errors_as_messages,
    fail,
    open_channel,
    running_suite,
)
from libs.cli.counted import CountedEvents, CountWatch
from libs.cli.delivery import Delivery
from libs.cli.derived_ids import RowIds
from libs.cli.event_files import EventFile, FileFormat, Row, detect_format, open_events
from libs.cli.importing.mapping import MappingError, RowMapping, parse_mapping
from libs.cli.importing.reading import Reading, ReadingError
from libs.cli.report import print_report
from libs.cli.send_command import AllowRejected, read_error
from libs.client import WeirClient
from libs.common.home import Addresses


def import_events(
    file: Annotated[str, typer.Argument(help="CSV or NDJSON, plain or gzip; `-` is stdin.")],
    app: AppId,
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="The column that fills a field."),
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="A field that is always the same."),
    ] = None,
    file_format: Annotated[
        FileFormat | None,
        typer.Option("--format", help="How the file is written.", show_default="by its name"),
    ] = None,
    encoding: Annotated[
        str, typer.Option(help="How text is encoded: utf-8, cp1252, latin-1, utf-16, ...")
    ] = "utf-8",
    delimiter: Annotated[
        str | None,
        typer.Option(
            help="What stands between the fields of CSV: one character, or `tab`.",
            show_default="the one of , ; tab | that the header has most of",
        ),
    ] = None,
    quote: Annotated[
        str,
        typer.Option(help="What stands around fields of CSV: one character, or `none`."),
    ] = '"',
    wait: Annotated[
        bool, typer.Option(help="Return when everything is stored and counted.")
    ] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)] = 120.0,
    allow_rejected: AllowRejected = False,
    catalogs: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Import a log: each row becomes an event, by the mapping of fields to columns.

    Fields are those of an event: subject_id, occurred_at, name, entity.id, properties.level and so on.
    The app's own words for the person and the group are understood too. If all rows are the same
    event, say its name: --set name=gameStarted.

    Ids are made of the rows' contents, so importing a file again adds nothing; two rows that are the
    same are two events. Exit code 1 if a row was rejected or could not be read.

    weir import log.csv.gz --app gamelaunch --map player_id=userid --map occurred_at=eventDate
    --map name=eventName
    """
    catalog = app_catalog(app, catalogs)
    try:
        mapping = parse_mapping(catalog, maps or [], sets or [])
        reading = Reading.parse(encoding, delimiter, quote)
    except (MappingError, ReadingError) as error:
        fail(str(error), 2)
    task = _Import(catalog, mapping, reading, running_suite(), wait, timeout)
    try:
        with open_events(file) as events, call_errors_as_messages():
            delivery, extra = task.run(
                events, file_format or detect_format(file, events.head), file
            )
    except (OSError, EOFError, zlib.error) as error:
        fail(f"{file}: {read_error(error)}", 2)
    except (MappingError, ReadingError) as error:
        fail(f"{file}: {error}", 2)
    report = delivery.report
    print_report(report, report.notes(catalog.events), extra, as_json=as_json)
    if wait and extra["counted"] + extra["stored_before"] < report.totals.taken:
        fail(
            f"after {timeout:g} s not everything is stored and counted: {extra['counted']:,} of "
            f"{report.totals.taken:,} events; see `weir doctor` and the logs of the services"
        )
    raise typer.Exit(report.exit_code(allow_rejected=allow_rejected))


@dataclass(frozen=True)
class _Import:
    catalog: Catalog
    mapping: RowMapping
    reading: Reading
    addresses: Addresses
    wait: bool
    timeout_seconds: float

    def run(
        self, file: EventFile, file_format: FileFormat, title: str
    ) -> tuple[Delivery, dict[str, Any]]:
        """Sends every row; returns the delivery and what there is to say beyond its report."""
        columns, rows = self.reading.rows(file, file_format)
        if columns is not None:
            self.mapping.check_columns(columns)
        with open_channel(self.addresses, "aggregate") as channel:
            events = CountedEvents(channel, self.addresses, self.catalog.app_id)
            watch = CountWatch(events) if self.wait else None
            delivery = self._send(file, rows, title)
            if watch is None:
                return delivery, {}
            counted, before = watch.wait(
                delivery.report.totals.taken,
                delivery.duplicates_passed_on,
                self.timeout_seconds,
            )
            return delivery, {"counted": counted, "stored_before": before}

    def _send(self, file: EventFile, rows: Iterator[Row], title: str) -> Delivery:
        ids = RowIds(self.catalog.app_id)
        with (
            WeirClient(self.addresses.services["ingest"], token=self.addresses.token) as client,
            Delivery(client, self.catalog, file, title) as delivery,
        ):
            for row in rows:
                delivery.read(row)
                if row.document is None:
                    continue
                try:
                    envelope = self.mapping.envelope(self.catalog, row.document)
                    delivery.send(row.number, envelope, ids.next(envelope))
                except (ValueError, TypeError) as error:
                    delivery.unusable(row.number, str(error).splitlines()[0])
        return delivery
