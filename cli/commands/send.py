"""`weir send`: events from a file, in the app's own words, over one stream."""

from typing import Annotated

import typer

from cli.catalog_folders import app_catalog
from cli.delivery import Delivery
from cli.derived_ids import line_id
from cli.event_files import READ_ERRORS, EventFile, open_events, read_error, read_ndjson
from cli.exits import call_errors_as_messages, fail
from cli.options import AllowRejected, AppId, AsJson, CatalogFolder
from cli.report import DeliveryReport, print_report
from cli.suite_channel import running_suite
from libs.catalog import Catalog, to_envelope
from suite.home import Addresses
from weir_client import Client


def send(
    file: Annotated[str, typer.Argument(help="NDJSON, plain or gzip; `-` is standard input.")],
    app: AppId,
    allow_rejected: AllowRejected = False,
    catalogs: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Send a file of events, one JSON object a line, in the app's own words.

    A line without an id gets one made of its content and number, so that sending the file again adds
    nothing; a line without a time happened now. Exit code 1 if a line was rejected or could not be
    sent.
    """
    catalog = app_catalog(app, catalogs)
    addresses = running_suite()
    try:
        with open_events(file) as events, call_errors_as_messages():
            report = _send(catalog, addresses, events, file)
    except READ_ERRORS as error:
        fail(f"{file}: {read_error(error)}", 2)
    print_report(report, report.notes(catalog.events), {}, as_json=as_json)
    raise typer.Exit(report.exit_code(allow_rejected=allow_rejected))


def _send(catalog: Catalog, addresses: Addresses, file: EventFile, title: str) -> DeliveryReport:
    with (
        Client(addresses.services["ingest"], token=addresses.token) as client,
        Delivery(client, catalog, file, title) as delivery,
    ):
        delivery.send_all(
            read_ndjson(file.byte_lines()),
            lambda row, document: (
                to_envelope(catalog, document),
                line_id(catalog.app_id, row.number, row.content),
            ),
        )
    return delivery.report
