"""Sending the events of a file: a progress bar, the verdicts, and which lines were refused and why."""

import json
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from threading import Lock
from types import TracebackType
from typing import Any, Self

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
)
from rich.table import Table
from weir.common.v1 import event_pb2
from weir.ingest.v1 import ingest_service_pb2 as pb

from libs.cli.event_files import EventFile
from libs.client import EventSender, VerdictTotals, WeirClient
from libs.client.errors import describe_status

SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with one line: the field at fault where there is one, a reason for programs, and
    a message for people."""

    line: int
    field: str
    reason: str
    message: str


@dataclass
class Report:
    """What became of a file. `unusable` lines were never sent; `problems` are the first lines that
    were unusable, refused, or in a frame that was refused, as far as that was known first."""

    lines: int = 0
    unusable: int = 0
    totals: VerdictTotals = field(default_factory=VerdictTotals)
    problems: list[LineProblem] = field(default_factory=list)
    problem_count: int = 0

    @property
    def complete(self) -> bool:
        """Whether every line has a verdict."""
        return not self.unusable and not self.totals.failed

    def add_problem(self, problem: LineProblem) -> None:
        """Keeps the first ones, counts all."""
        self.problem_count += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(problem)

    def add_unusable(self, line: int, message: str, field_name: str = "") -> None:
        """A line that cannot be sent."""
        self.unusable += 1
        self.add_problem(LineProblem(line, field_name, "UNUSABLE", message))

    def shown_problems(self) -> list[LineProblem]:
        """The problems that are kept, by line."""
        return sorted(self.problems, key=lambda problem: problem.line)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        totals = asdict(self.totals)
        return {
            "lines": self.lines,
            "sent": self.totals.sent,
            **totals,
            "unusable": self.unusable,
            "problems": [asdict(problem) for problem in self.shown_problems()],
        }


class Delivery:
    """Sends lines over one stream, and remembers where each event stands in the file until it has its
    verdict. A context manager: leaving it waits for all verdicts. Raises GaveUpError."""

    def __init__(self, client: WeirClient, app_id: str, file: EventFile, title: str) -> None:
        self.report = Report()
        # Duplicates that went into a batch beside events that were taken: enrich sees them too.
        self.duplicates_passed_on = 0
        self._file = file
        self._lock = Lock()
        # An id may stand in several lines; their verdicts come in the order of the lines.
        self._lines: defaultdict[str, deque[int]] = defaultdict(deque)
        self._progress = _progress(file)
        self._task = self._progress.add_task(title, total=file.size)
        self._sender: EventSender = client.stream(app_id, on_ack=self._acked)

    def send(self, line: int, event: event_pb2.Event) -> None:
        """Sends the event of one line; blocks while too many wait."""
        with self._lock:
            self._lines[event.event_id].append(line)
        self._sender.send(event)

    def step(self) -> None:
        """One more line is read."""
        self.report.lines += 1
        if self.report.lines % 256 == 0:
            self._progress.update(self._task, completed=self._done())

    def unusable(self, line: int, message: str, field_name: str = "") -> None:
        """A line that cannot be sent."""
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
            self._progress.update(self._task, completed=self._done())
        finally:
            self.report.totals = self._sender.totals
            self._progress.stop()

    def _done(self) -> int:
        return self._file.position() if self._file.size is not None else self.report.lines

    def _acked(self, events: Sequence[event_pb2.Event], ack: pb.FrameAck) -> None:
        results = {result.index: result for result in ack.results}
        counts = ack.counts
        if counts.accepted or counts.anonymized:
            self.duplicates_passed_on += counts.duplicate
        whole = describe_status(ack.status) if ack.HasField("status") else None
        with self._lock:
            for index, event in enumerate(events):
                result = results.get(index)
                if result is not None and result.verdict == pb.VERDICT_RETRY:
                    continue
                line = self._settled(event.event_id)
                problem = whole
                if result is not None and result.verdict == pb.VERDICT_REJECTED:
                    problem = describe_status(result.status)
                if problem is not None:
                    self.report.add_problem(
                        LineProblem(line, problem.field, problem.reason, problem.message)
                    )

    def _settled(self, event_id: str) -> int:
        lines = self._lines[event_id]
        line = lines.popleft()
        if not lines:
            del self._lines[event_id]
        return line


def print_report(report: Report, extra: dict[str, Any], *, as_json: bool) -> None:
    """The verdicts as a table and the refused lines, or one JSON object."""
    if as_json:
        typer.echo(json.dumps({**report.as_dict(), **extra}))
        return
    table = Table("verdict", "events")
    table.columns[1].justify = "right"
    for name, count in asdict(report.totals).items():
        if count or name in ("accepted", "duplicate", "rejected"):
            table.add_row(name, f"{count:,}")
    table.add_section()
    table.add_row("sent", f"{report.totals.sent:,}")
    if report.unusable:
        table.add_row("unusable lines", f"{report.unusable:,}")
    console = Console()
    console.print(table)
    for problem in report.shown_problems():
        where = f"{problem.field}: " if problem.field else ""
        console.print(
            f"line {problem.line}: {where}{escape(problem.message)} ({problem.reason})",
            highlight=False,
            soft_wrap=True,
        )
    if hidden := report.problem_count - len(report.problems):
        console.print(f"... and {hidden:,} more")


def _progress(file: EventFile) -> Progress:
    console = Console(stderr=True)
    amount = DownloadColumn() if file.size is not None else MofNCompleteColumn()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        amount,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
