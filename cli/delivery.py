"""Sending the rows of a file over one stream, with a progress bar; each row's verdict finds its line."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from types import TracebackType
from typing import Any, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from cli.event_files import EventFile, Row
from cli.report import DeliveryReport, RowProblem
from cli.wording import count
from libs.catalog import Catalog, EnvelopeError
from weir_client import Client, EventSender, event_from_envelope, final_verdicts

# From a row and its document to an envelope and the id that is derived for it.
EventOf = Callable[[Row, dict[str, Any]], tuple[Mapping[str, Any], str]]
_ROWS_PER_UPDATE = 256


class Delivery:
    """Sends rows over one stream, and remembers where each event stands in the file until it has its
    verdict. A context manager: leaving it waits for all verdicts. Raises GaveUpError."""

    def __init__(self, client: Client, catalog: Catalog, file: EventFile, title: str) -> None:
        self.report = DeliveryReport()
        # Duplicates that went into a batch beside events that were taken: enrich sees them too.
        self.duplicates_passed_on = 0
        self._catalog = catalog
        self._file = file
        self._lock = Lock()
        # An id may stand in several rows; their verdicts come in the order of the rows.
        self._lines: defaultdict[str, deque[int]] = defaultdict(deque)
        self._progress = _progress()
        self._task = self._progress.add_task(title, total=file.size)
        self._sender: EventSender = client.stream(catalog.app_id, on_ack=self._acked)

    def send_all(self, rows: Iterable[Row], event_of: EventOf) -> None:
        """Sends each row as the envelope that `event_of` makes of it, under the id that it derives unless the
        envelope has one; blocks while too many wait. A row that cannot be read or sent is a problem of the
        report: `event_of` raises EnvelopeError, ValueError or TypeError for it."""
        for row in rows:
            self._read(row)
            if row.document is None:
                continue
            try:
                envelope, derived_id = event_of(row, row.document)
                self._send(row.number, envelope, derived_id)
            except EnvelopeError as error:
                self._unusable(row.number, error.reason, error.field)
            except (ValueError, TypeError) as error:
                # Of the SDK's own making, or protobuf's: neither repeats a value of more than a few letters.
                first_line = str(error).partition("\n")[0]
                self._unusable(row.number, first_line or type(error).__name__)

    def _read(self, row: Row) -> None:
        self.report.add_row(row)
        if row.document is None:
            self._unusable(row.number, row.problem)
        if self.report.rows % _ROWS_PER_UPDATE == 0:
            self._progress.update(self._task, completed=self._file.position())

    def _send(self, line: int, envelope: Mapping[str, Any], event_id: str) -> None:
        event = event_from_envelope(envelope, event_id=event_id)
        self.report.without_person += not _names_person(self._catalog, envelope)
        with self._lock:
            self._lines[event.event_id].append(line)
        self._sender.send(event)

    def _unusable(self, line: int, message: str, field_name: str = "") -> None:
        with self._lock:
            self.report.add_unusable(line, message, field_name)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._sender.__exit__(kind, error, trace)
            self._progress.update(self._task, completed=self._file.position())
        finally:
            self.report.lines = self._file.lines
            self.report.totals = self._sender.totals
            self._progress.stop()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            typer.echo(
                f"interrupted: {self.report.totals.sent:,} of {count(self.report.rows, 'row')} that were "
                "read have a verdict; run the command again, and what was taken counts once",
                err=True,
            )

    def _acked(self, events: Sequence[event_pb2.Event], ack: pb.FrameAck) -> None:
        counts = ack.counts
        if counts.accepted or counts.anonymized:
            self.duplicates_passed_on += counts.duplicate
        with self._lock:
            for final in final_verdicts(events, ack):
                line = self._settled(final.event.event_id)
                problem = final.problem
                # What was dropped is counted, and is no fault of the row.
                if problem is None or final.verdict == pb.VERDICT_DROPPED:
                    continue
                self.report.add_problem(
                    RowProblem(line, problem.field, problem.reason, problem.message)
                )
                if problem.reason == "EVENT_UNKNOWN":
                    self.report.add_unknown_event(final.event.name)

    def _settled(self, event_id: str) -> int:
        lines = self._lines[event_id]
        line = lines.popleft()
        if not lines:
            del self._lines[event_id]
        return line


def _names_person(catalog: Catalog, envelope: Mapping[str, Any]) -> bool:
    """Whether the event is about a person: ingest also looks for the id among the properties."""
    properties = envelope.get("properties") or {}
    return bool(
        envelope.get("subject_id")
        or envelope.get("anonymous_id")
        or properties.get(catalog.subject_name)
    )


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        DownloadColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
