"""`weir send`: events from a file, in the app's own words, over one stream."""

from typing import Annotated

import typer

from libs.catalog import Catalog, EnvelopeError, to_envelope
from libs.cli.connect import (
    AppId,
    AsJson,
    CatalogFolder,
    app_catalog,
    call_errors_as_messages,
    fail,
    running_suite,
)
from libs.cli.delivery import Delivery, Report, print_report
from libs.cli.derived_ids import line_id
from libs.cli.event_files import EventFile, FileFormat, Line, open_events, read_lines
from libs.client import WeirClient, event_from_envelope
from libs.common.home import Addresses


def send(
    file: Annotated[str, typer.Argument(help="NDJSON, plain or gzip; `-` is standard input.")],
    app: AppId,
    catalogs: CatalogFolder = None,
    as_json: AsJson = False,
) -> None:
    """Send a file of events, one JSON object a line, in the app's own words.

    A line without an id gets one made of its content and number, so that sending the file again adds
    nothing; a line without a time happened now. Exit code 1 if a line could not be sent.
    """
    catalog = app_catalog(app, catalogs)
    addresses = running_suite()
    try:
        with open_events(file) as events, call_errors_as_messages():
            report = _send(catalog, addresses, events, file)
    except (OSError, EOFError) as error:
        fail(f"{file}: {error.strerror if isinstance(error, OSError) else error}", 2)
    print_report(report, {}, as_json=as_json)
    if not report.complete:
        raise typer.Exit(1)


def _send(catalog: Catalog, addresses: Addresses, file: EventFile, title: str) -> Report:
    with (
        WeirClient(addresses.services["ingest"], token=addresses.token) as client,
        Delivery(client, catalog.app_id, file, title) as delivery,
    ):
        for line in read_lines(file, FileFormat.NDJSON):
            delivery.step()
            _send_line(catalog, delivery, line)
    return delivery.report


def _send_line(catalog: Catalog, delivery: Delivery, line: Line) -> None:
    if line.document is None:
        delivery.unusable(line.number, line.problem)
        return
    try:
        envelope = to_envelope(catalog, line.document)
        event = event_from_envelope(
            envelope, event_id=line_id(catalog.app_id, line.number, line.content)
        )
    except EnvelopeError as error:
        delivery.unusable(line.number, error.reason, error.field)
    except (ValueError, TypeError) as error:
        # Of the SDK's own making, or protobuf's: neither repeats a value of more than a few letters.
        delivery.unusable(line.number, str(error).splitlines()[0])
    else:
        delivery.send(line.number, event)
