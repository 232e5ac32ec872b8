"""Tables that lose nothing silently: columns that do not fit are named, and CSV has them all."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Column as RichColumn
from rich.table import Table
from rich.text import Text

from cli.wording import count

# Of texts: longer ones go on in the next line. Numbers are never broken.
_NARROWEST_TEXT = 16
# Of output that is read by a program or looked at later: nothing has to fit.
_UNLIMITED_WIDTH = 100_000
# What spreadsheets take for a formula (OWASP, CSV injection). Dimensions come from producers.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Column:
    """A column: its title in tables and in CSV, a text for each row, and, for terminals with colours, a style
    of rich for each row, or none at all."""

    title: str
    name: str
    cells: Sequence[str]
    is_number: bool = False
    styles: Sequence[str] = ()

    @property
    def width(self) -> int:
        """The columns of a terminal that it needs, with its border and the spaces around it."""
        natural = max(cell_len(text) for text in (self.title, *self.cells))
        return 3 + (natural if self.is_number else min(natural, _NARROWEST_TEXT))


def output_console() -> Console:
    """As wide as the terminal, or as COLUMNS says; without limit if the output goes to a file or pipe."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNLIMITED_WIDTH
    return console


def print_table(columns: Sequence[Column], *, at_least: int, complete: str) -> None:
    """Prints the leading columns that fit, `at_least` as many in any case; names the others on stderr, and
    the options that print all, such as "--json and --csv have"."""
    console = output_console()
    needed = 1
    shown = 0
    for column in columns:
        needed += column.width
        if needed > console.width and shown >= at_least:
            break
        shown += 1
    # Wider than the terminal if even those few do not fit: rich would cut them off.
    console.width = max(console.width, 1 + sum(column.width for column in columns[:shown]))
    table = Table(
        *(
            RichColumn(
                escape(column.title),
                justify="right" if column.is_number else "left",
                no_wrap=column.is_number,
                overflow="fold",
            )
            for column in columns[:shown]
        )
    )
    for row in zip(*(_texts(column) for column in columns[:shown]), strict=True):
        table.add_row(*row)
    console.print(table)
    if left_out := [column.title for column in columns[shown:]]:
        do = "does" if len(left_out) == 1 else "do"
        # Not a part of a table that goes to a file.
        typer.echo(
            f"{count(len(left_out), 'column')} {do} not fit: {', '.join(left_out)}; {complete} all",
            err=True,
        )


def _texts(column: Column) -> list[Text]:
    styles = column.styles or [""] * len(column.cells)
    return [Text(text, style) for text, style in zip(column.cells, styles, strict=True)]


def csv_text(columns: Sequence[Column]) -> str:
    """The table as CSV (RFC 4180, lines ended by LF), with a header. A text that a spreadsheet would take
    for a formula gets a `'` in front."""
    output = StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(_harmless(column.name) for column in columns)
    cells = [
        column.cells if column.is_number else [_harmless(text) for text in column.cells]
        for column in columns
    ]
    writer.writerows(zip(*cells, strict=True))
    return output.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
