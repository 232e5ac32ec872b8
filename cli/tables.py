"""Tables that lose nothing silently: columns that do not fit are named, and CSV has them all."""

import csv
import os
import re
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
from libs.common.formulas import without_formula

# Of texts: longer ones go on in the next line. Numbers are never broken.
_NARROWEST_TEXT = 16
# Of the columns that are shown in any case.
_NARROWEST_OF_FEW = 8
# Of output that is read by a program or looked at later: nothing has to fit.
_UNLIMITED_WIDTH = 100_000
# All that a terminal takes for a command, but for line breaks.
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Column:
    """A column: its title in tables and its name in CSV, and a text for each row, None for no value.

    Numbers and ids are not broken into lines. `styles` are rich's, for terminals with colours: one for each
    row, or none at all. CSV has `in_csv` in place of the cells if there is any, such as a number without
    a mark. A column that is `only_in_csv` has no place in the table.
    """

    title: str
    name: str
    cells: Sequence[str | None]
    is_number: bool = False
    styles: Sequence[str] = ()
    is_id: bool = False
    in_csv: Sequence[str | None] = ()
    only_in_csv: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether its texts stay in one line."""
        return self.is_number or self.is_id

    def width(self, narrowest: int = _NARROWEST_TEXT) -> int:
        """The columns of a terminal that it needs, with its border and the spaces around it, if texts may be
        broken into lines of the `narrowest` length."""
        texts = (self.title, *map(_in_table, self.cells))
        natural = max(cell_len(line) for text in texts for line in text.split("\n"))
        return 3 + (natural if self.is_whole else min(natural, narrowest))


def print_columns(columns: Sequence[Column], *, as_csv: bool, at_least: int) -> None:
    """Prints them as CSV, or as a table with `at_least` so many of its leading columns."""
    if as_csv:
        typer.echo(csv_text(columns), nl=False)
    else:
        print_table([column for column in columns if not column.only_in_csv], at_least=at_least)


def output_console() -> Console:
    """As wide as the terminal, or as COLUMNS says; without limit if the output goes to a file or pipe."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNLIMITED_WIDTH
    return console


def print_table(columns: Sequence[Column], *, at_least: int) -> None:
    """Prints the leading columns that fit, `at_least` as many in any case; names the others on stderr, and
    the options that print all. Ids that do not fit make room for the columns after them."""
    console = output_console()
    shown = _fitting(columns, console.width, at_least)
    # Wider than the terminal if even those few do not fit: rich would cut them off.
    least = 1 + sum(column.width(_NARROWEST_OF_FEW) for column in shown)
    console.width = max(console.width, least)
    table = Table(
        *(
            RichColumn(
                escape(column.title),
                justify="right" if column.is_number else "left",
                no_wrap=column.is_whole,
                overflow="fold",
            )
            for column in shown
        )
    )
    for row in zip(*(_texts(column) for column in shown), strict=True):
        table.add_row(*row)
    console.print(table)
    left_out = [column.title for column in columns if not any(column is one for one in shown)]
    if left_out:
        do = "does" if len(left_out) == 1 else "do"
        missing = f"{count(len(left_out), 'column')} {do} not fit: {', '.join(left_out)}"
        # Not a part of a table that goes to a file.
        typer.echo(f"{missing}; --json and --csv have all", err=True)


def _fitting(columns: Sequence[Column], width: int, at_least: int) -> list[Column]:
    fitting: list[Column] = []
    needed = 1
    for column in columns:
        if needed + column.width() > width and len(fitting) >= at_least:
            if column.is_id:
                continue
            break
        needed += column.width()
        fitting.append(column)
    return fitting


def _texts(column: Column) -> list[Text]:
    styles = column.styles or [""] * len(column.cells)
    return [Text(_in_table(text), style) for text, style in zip(column.cells, styles, strict=True)]


def _in_table(text: str | None) -> str:
    """Producers choose some texts, such as names of unknown events: a terminal must not obey them."""
    return "-" if text is None else _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def csv_text(columns: Sequence[Column]) -> str:
    """The table as CSV (RFC 4180, lines ended by LF), with a header. A text that a spreadsheet would take
    for a formula gets a `'` in front."""
    output = StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(without_formula(column.name) for column in columns)
    writer.writerows(zip(*map(_csv_cells, columns), strict=True))
    return output.getvalue()


def _csv_cells(column: Column) -> list[str]:
    cells = [text or "" for text in column.in_csv or column.cells]
    return cells if column.is_number else [without_formula(text) for text in cells]
