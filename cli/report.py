"""What became of a file's rows: verdicts, problems with their lines, and what the user should know."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.event_files import Row
from cli.wording import count
from libs.catalog.problems import did_you_mean
from weir_client import VerdictTotals

SHOWN_PROBLEMS = 20
_SHOWN_NAMES = 10
# Names come from the file: there may be as many as rows.
_COUNTED_NAMES = 1_000
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row: the line in which it begins, the field at fault if there is one, a
    reason for programs, and a message for people."""

    line: int
    field: str
    reason: str
    message: str


@dataclass
class DeliveryReport:
    """What became of a file. `unusable` rows were never sent; `problems` are the first
    20 rows that turned out to be unusable, rejected, or in a frame that was refused, in the order in which
    that became known. `absent_columns` are mapped, and no line of NDJSON has them."""

    lines: int = 0
    rows: int = 0
    row_lines: int = 0
    rows_of_several_lines: int = 0
    unusable: int = 0
    without_person: int = 0
    absent_columns: list[str] = field(default_factory=list)
    unknown_events: Counter[str] = field(default_factory=Counter)
    totals: VerdictTotals = field(default_factory=VerdictTotals)
    problems: list[RowProblem] = field(default_factory=list)
    problem_count: int = 0

    def add_row(self, row: Row) -> None:
        """One more row is read, whether or not it can be sent."""
        self.rows += 1
        self.row_lines += row.lines
        self.rows_of_several_lines += row.lines > 1

    def add_problem(self, problem: RowProblem) -> None:
        """Keeps the first ones, counts all."""
        self.problem_count += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(problem)

    def add_unusable(self, line: int, message: str, field_name: str = "") -> None:
        """A row that cannot be sent."""
        self.unusable += 1
        self.add_problem(RowProblem(line, field_name, "UNUSABLE", message))

    def add_unknown_event(self, name: str) -> None:
        """A row of an event that the catalog does not declare; names beyond the first 1,000 count
        together under an empty name."""
        known = name in self.unknown_events or len(self.unknown_events) < _COUNTED_NAMES
        self.unknown_events[name[:_LONGEST_NAME] if known else ""] += 1

    def exit_code(self, *, allow_rejected: bool) -> int:
        """1 if there are rows without a verdict, and, unless they are allowed, rows that were rejected
        or could not be read; else 0."""
        bad = self.totals.rejected + self.unusable
        return int(self.totals.failed > 0 or (bad > 0 and not allow_rejected))

    def shown_problems(self) -> list[RowProblem]:
        """The problems that are kept, by line."""
        return sorted(self.problems, key=lambda problem: problem.line)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "lines": self.lines,
            "rows": self.rows,
            "rows_of_several_lines": self.rows_of_several_lines,
            "sent": self.totals.sent,
            **asdict(self.totals),
            "unusable": self.unusable,
            "without_person": self.without_person,
            "unknown_events": dict(self.unknown_events.most_common()),
            "problems": [asdict(problem) for problem in self.shown_problems()],
        }

    def notes(self, event_names: Iterable[str]) -> list[str]:
        """Sentences about what the verdicts do not show; `event_names` are the catalog's."""
        read = f"{count(self.lines, 'line')} read: {count(self.rows, 'row')}"
        if self.rows_of_several_lines:
            read += f" ({self.rows_of_several_lines:,} of several lines)"
        if others := self.lines - self.row_lines:
            read += f", {count(others, 'header or blank line')}"
        notes = [read]
        if self.absent_columns and self.rows:
            names = ", ".join(f"`{name}`" for name in self.absent_columns)
            notes.append(f"no line has {names}: columns are the outermost names of a line")
        if self.without_person:
            names = "names" if self.without_person == 1 else "name"
            notes.append(f"{count(self.without_person, 'row')} {names} no person")
        if self.unknown_events:
            unknown = count(sum(self.unknown_events.values()), "row")
            notes.append(
                f"{unknown} of events that the catalog does not declare: "
                f"{_name_list(self.unknown_events, list(event_names))}"
            )
        return notes


def _name_list(names: Counter[str], known: Sequence[str]) -> str:
    shown = [
        f"{name or 'other or empty names'} ({number:,}{did_you_mean(name, known).removesuffix('?')})"
        for name, number in names.most_common(_SHOWN_NAMES)
    ]
    if hidden := len(names) - len(shown):
        shown.append(f"and {count(hidden, 'more name')}")
    return ", ".join(shown)


def print_report(
    report: DeliveryReport, notes: Sequence[str], extra: dict[str, Any], *, as_json: bool
) -> None:
    """The verdicts as a table, the notes and the rejected rows, or one JSON object with `extra`."""
    if as_json:
        typer.echo(json.dumps({**report.as_dict(), "notes": list(notes), **extra}))
        return
    table = Table("verdict", "events")
    table.columns[1].justify = "right"
    for name, number in asdict(report.totals).items():
        if number or name in ("accepted", "duplicate", "rejected"):
            table.add_row(name, f"{number:,}")
    table.add_section()
    table.add_row("sent", f"{report.totals.sent:,}")
    if report.unusable:
        table.add_row("unusable rows", f"{report.unusable:,}")
    console = Console()
    console.print(table)
    for note in notes:
        console.print(escape(note), highlight=False, soft_wrap=True)
    for problem in report.shown_problems():
        where = f"{problem.field}: " if problem.field else ""
        console.print(
            f"line {problem.line}: {where}{escape(problem.message)} ({problem.reason})",
            highlight=False,
            soft_wrap=True,
        )
    if hidden := report.problem_count - len(report.problems):
        console.print(f"... and {hidden:,} more")
