"""`weir import`: a log, row by row, as events; a second import adds nothing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from cli.catalog_folders import app_catalog
from cli.counted import CountedEvents, CountWatch
from cli.delivery import Delivery
from cli.derived_ids import IdFrom, RowIds
from cli.event_files import (
    READ_ERRORS,
    EventFile,
    FileFormat,
    Row,
    detect_format,
    open_events,
    read_error,
)
from cli.exits import call_errors_as_messages, fail
from cli.importing.day_order import DayOrderError, find_day_order
from cli.importing.duplicates_note import duplicates_note
from cli.importing.mapping import MappingError, RowMapping, parse_mapping
from cli.importing.reading import Reading, ReadingError
from cli.importing.time_shapes import DayOrder
from cli.importing.times import TimeError, TimeReader
from cli.options import AllowRejected, AppId, AsJson, CatalogFolder
from cli.report import DeliveryReport, print_report
from cli.suite_channel import running_suite
from libs.catalog import Catalog, EnvelopeError
from libs.rpc.channels import open_channel
from suite.home import Addresses, Home
from weir_client import Client


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
    id_from: Annotated[
        IdFrom,
        typer.Option(
            metavar="WHAT",
            help="What the ids of events are made of if no column is mapped to event_id: the rows' "
            "content (`content`), the file's name and the content (`file-content`), or the file's name, "
            "line and content (`file-row`).",
        ),
    ] = IdFrom.CONTENT,
    file_format: Annotated[
        FileFormat | None,
        typer.Option("--format", help="How the file is written.", show_default="by its name"),
    ] = None,
    time_format: Annotated[
        str | None,
        typer.Option(
            help='How occurred_at is written: a format of strptime such as "%d.%m.%Y %H:%M", or epoch, '
            "epoch_ms, epoch_us, epoch_ns since 1970.",
            show_default="recognized if the column leaves no doubt",
        ),
    ] = None,
    timezone: Annotated[
        str, typer.Option(help="The zone of times that name none, such as Europe/Berlin.")
    ] = "UTC",
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
        str | None,
        typer.Option(
            help="What stands around fields of CSV: one character, or `none`. Said, it is trusted: fields "
            "may have any number of lines, and lines that look like rows.",
            show_default='"',
        ),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(
            help="Return when everything is stored and counted; events that others send to the app at the "
            "same time are counted along, and may end the waiting earlier."
        ),
    ] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)] = 120.0,
    allow_rejected: AllowRejected = False,
    catalogs: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Import a log: each row becomes an event.

    --map FIELD=COLUMN says which column fills a field of the event: name,
    occurred_at, subject_id (or the app's own word for it), group_id, event_id,
    entity.id, properties.level and so on. --set FIELD=VALUE is for a field that
    is the same in all rows, such as --set name=gameStarted for a file that holds
    one kind of event.

    An event counts once by its id. If a column tells events apart, such as the
    number of an order, map it: --map event_id=order. Otherwise ids are made of
    the rows' content, so importing a file again adds nothing. Equal rows in one
    file are as many events; a row that another file has as well is a duplicate,
    unless --id-from file-content lets the file's name take part.

    Exit code 1 if a row was rejected or could not be read, or if not everything
    was stored and counted within --timeout.

    weir import log.csv.gz --app gamelaunch --map player_id=userid
    --map occurred_at=eventDate --map name=eventName
    """
    catalog = app_catalog(app, catalogs)
    try:
        mapping = parse_mapping(catalog, maps or [], sets or [], encoding)
        reading = Reading.parse(encoding, delimiter, quote)
        times = TimeReader.parse(time_format, timezone)
    except (MappingError, ReadingError, TimeError) as error:
        fail(str(error), 2)
    if file == "-" and id_from is not IdFrom.CONTENT:
        fail(f"--id-from {id_from}: standard input has no name; import the file by its path", 2)
    ids = RowIds(app, id_from, file)
    task = _Import(file, catalog, mapping, reading, times, ids, running_suite(), wait, timeout)
    delivery, extra = task.run(file_format)
    task.report(delivery.report, extra, as_json=as_json)
    raise typer.Exit(delivery.report.exit_code(allow_rejected=allow_rejected))


@dataclass(frozen=True)
class _Import:
    path: str
    catalog: Catalog
    mapping: RowMapping
    reading: Reading
    times: TimeReader
    ids: RowIds
    addresses: Addresses
    wait: bool
    timeout_seconds: float

    def run(self, file_format: FileFormat | None) -> tuple[Delivery, dict[str, Any]]:
        """Sends every row; returns the delivery and what there is to say beyond its report. Ends the command
        with a message if the file cannot be read or the suite does not answer."""
        try:
            with open_events(self.path) as events, call_errors_as_messages():
                return self._run(events, file_format or detect_format(self.path, events.head))
        except READ_ERRORS as error:
            fail(f"{self.path}: {read_error(error)}", 2)
        except (MappingError, ReadingError, DayOrderError) as error:
            fail(f"{self.path}: {error}", 2)

    def report(self, report: DeliveryReport, extra: dict[str, Any], *, as_json: bool) -> None:
        """Prints what was sent, and ends the command with a message if it was to wait and not everything is
        counted."""
        stored_before = extra.get("stored_before", 0)
        note = duplicates_note(
            report.totals.duplicate + stored_before,
            report.totals.taken - stored_before,
            report.totals.sent,
            self.mapping.columns.get("event_id"),
            self.ids.id_from,
        )
        notes = [*report.notes(self.catalog.events), *([note] if note else [])]
        print_report(report, notes, extra, as_json=as_json)
        if self.wait and extra["counted"] + extra["stored_before"] < report.totals.taken:
            fail(
                f"after {self.timeout_seconds:g} s not everything is stored and counted: "
                f"{extra['counted']:,} of {report.totals.taken:,} events; see `weir doctor` and "
                f"{Home.from_environment(os.environ).logs / 'enrich.log'}"
            )

    def _run(self, file: EventFile, file_format: FileFormat) -> tuple[Delivery, dict[str, Any]]:
        columns, rows = self.reading.rows(file, file_format)
        if columns is not None:
            self.mapping.check_columns(columns)
        times = self.times
        # A pipe, whose size is unknown, cannot be read twice.
        if times.time_format is None and file.size is not None:
            times = times.with_order(self._day_order(file_format))
        with open_channel(self.addresses.services["aggregate"]) as channel:
            events = CountedEvents(channel, self.addresses, self.catalog.app_id)
            watch = CountWatch(events) if self.wait else None
            delivery = self._send(file, rows, times, header=columns is not None)
            if watch is None:
                return delivery, {}
            counted, before = watch.wait(
                delivery.report.totals.taken,
                delivery.duplicates_passed_on,
                self.timeout_seconds,
            )
            return delivery, {"counted": counted, "stored_before": before}

    def _day_order(self, file_format: FileFormat) -> DayOrder | None:
        """Which number of a date in the column of times is the day. Reads the whole file if the column has
        dates of two numbers and a year."""
        column = self.mapping.columns.get("occurred_at")
        if column is None:  # the same time for all rows
            return None
        with open_events(self.path) as file:
            _, rows = self.reading.rows(file, file_format)
            values = (
                (row.number, str(row.document.get(column) or "").strip())
                for row in rows
                if row.document is not None
            )
            return find_day_order(column, ((line, text) for line, text in values if text))

    def _send(
        self, file: EventFile, rows: Iterator[Row], times: TimeReader, *, header: bool
    ) -> Delivery:
        # A header is checked as a whole; without one, each line has names of its own.
        absent = set() if header else set(self.mapping.columns.values())

        def event_of(row: Row, document: dict[str, Any]) -> tuple[dict[str, Any], str]:
            if absent:
                absent.difference_update(document)
            envelope = self.mapping.envelope(self.catalog, document)
            derived = "" if "event_id" in envelope else self.ids.next(envelope, row.number)
            # The id is made of the time as it is written.
            try:
                envelope["occurred_at"] = times.read(envelope["occurred_at"]).isoformat()
            except TimeError as error:
                raise EnvelopeError("occurred_at", str(error)) from None
            return envelope, derived

        with (
            Client(self.addresses.services["ingest"], token=self.addresses.token) as client,
            Delivery(client, self.catalog, file, self.path) as delivery,
        ):
            delivery.send_all(rows, event_of)
            delivery.report.absent_columns = sorted(absent)
        return delivery
