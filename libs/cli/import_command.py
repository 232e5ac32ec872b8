"""`weir import`: somebody's log, row by row, as events; a second import adds nothing."""

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
from libs.cli.delivery import Delivery, print_report
from libs.cli.derived_ids import RowIds
from libs.cli.event_files import (
    EventFile,
    FileFormat,
    Line,
    csv_columns,
    detect_format,
    open_events,
    read_lines,
)
from libs.cli.mapping import MappingError, RowMapping, parse_mapping
from libs.client import WeirClient, event_from_envelope
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
    wait: Annotated[
        bool, typer.Option(help="Return when everything is stored and counted.")
    ] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)] = 120.0,
    catalogs: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Import a log: each row becomes an event, by the mapping of fields to columns.

    Fields are those of an event: subject_id, occurred_at, name, entity.id, properties.level and so on.
    Ids are made of the rows' contents, so importing a file again adds nothing; two rows that are the
    same are two events. Exit code 1 if a row could not be sent.

    weir import log.csv.gz --app gamelaunch --map subject_id=userid --map occurred_at=eventDate
    --map name=eventName
    """
    catalog = app_catalog(app, catalogs)
    try:
        mapping = parse_mapping(catalog, maps or [], sets or [])
    except MappingError as error:
        fail(str(error), 2)
    task = _Import(catalog, mapping, running_suite(), wait, timeout)
    try:
        with open_events(file) as events, call_errors_as_messages():
            delivery, extra = task.run(
                events, file_format or detect_format(file, events.head), file
            )
    except (OSError, EOFError) as error:
        fail(f"{file}: {error.strerror if isinstance(error, OSError) else error}", 2)
    print_report(delivery.report, extra, as_json=as_json)
    if wait and extra["counted"] + extra["stored_before"] < delivery.report.totals.taken:
        fail(
            f"after {timeout:g} s not everything is stored and counted: {extra['counted']:,} of "
            f"{delivery.report.totals.taken:,} events; see `weir doctor` and the logs of the services"
        )
    if not delivery.report.complete:
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Import:
    catalog: Catalog
    mapping: RowMapping
    addresses: Addresses
    wait: bool
    timeout_seconds: float

    def run(
        self, file: EventFile, file_format: FileFormat, title: str
    ) -> tuple[Delivery, dict[str, Any]]:
        """Sends every row; returns the delivery and what there is to say beyond its report."""
        with open_channel(self.addresses, "aggregate") as channel:
            events = CountedEvents(channel, self.addresses, self.catalog.app_id)
            watch = CountWatch(events) if self.wait else None
            delivery = self._send(file, file_format, title)
            if watch is None:
                return delivery, {}
            counted, before = watch.wait(
                delivery.report.totals.taken,
                delivery.duplicates_passed_on,
                self.timeout_seconds,
            )
            return delivery, {"counted": counted, "stored_before": before}

    def _send(self, file: EventFile, file_format: FileFormat, title: str) -> Delivery:
        ids = RowIds(self.catalog.app_id)
        with (
            WeirClient(self.addresses.services["ingest"], token=self.addresses.token) as client,
            Delivery(client, self.catalog.app_id, file, title) as delivery,
        ):
            if file_format is FileFormat.CSV:
                self._check_columns(csv_columns(file))
            for line in read_lines(file, file_format):
                delivery.step()
                self._send_line(delivery, ids, line)
        return delivery

    def _check_columns(self, columns: list[str]) -> None:
        if missing := self.mapping.missing_columns(columns):
            there = ", ".join(column[:40] for column in columns[:20]) or "none"
            fail(f"the file has no column {', '.join(missing)}; it has {there}", 2)

    def _send_line(self, delivery: Delivery, ids: RowIds, line: Line) -> None:
        if line.document is None:
            delivery.unusable(line.number, line.problem)
            return
        try:
            envelope = self.mapping.envelope(self.catalog, line.document)
            event = event_from_envelope(envelope, event_id=ids.next(envelope))
        except (ValueError, TypeError) as error:
            delivery.unusable(line.number, str(error).splitlines()[0])
        else:
            delivery.send(line.number, event)
