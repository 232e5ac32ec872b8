"""CSV, read strictly: what does not follow RFC 4180 is a problem of one line, and reading goes on.

An unbalanced quote would take all that follows into one field. So a row that cannot be right is a
problem of the line in which it begins, and the next line is read as the beginning of another row. It
cannot be right if

- a quote stands inside a field without quotes, or text follows a closing quote;
- its last quoted field does not end: before the file does, or within MAX_ROW_LENGTH characters;
- it takes several lines and has not as many fields as the header;
- unless the user trusts the quotes: it takes more than MAX_ROW_LINES lines, or several that look like
  rows of their own, because two stray quotes probably stand in two rows. They do if the first and the
  last one, or most of them, have as many fields as the header when quotes are ordinary characters. With
  one or two columns ordinary text looks the same, so there no row may take several lines.
"""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cli.event_files import MAX_ROW_LENGTH, TOO_LONG, Row
from cli.wording import count

MAX_ROW_LINES = 100
DEFAULT_QUOTE = '"'
_DELIMITERS = (",", ";", "\t", "|")
_FEWEST_FIELDS_OF_LONG_ROWS = 3
_ORDINARY = "if quotes are ordinary characters in this file, say --quote none"
_STRAY_QUOTE = (
    "a stray quote: quotes stand around a whole field, and those inside it are doubled; "
    + _ORDINARY
)
_NO_END = "a quoted field that begins here does not end; " + _ORDINARY
_TRUST = f"{_ORDINARY}; if the lines belong to one field, say --quote '\"'"
_TOO_MANY_LINES = (
    f"a quoted field that begins here does not end within {MAX_ROW_LINES} lines; {_TRUST}"
)
_TWO_STRAY_QUOTES = (
    "a quoted field that begins here ends in another line, and the lines look like rows of their own; "
    + _TRUST
)
_FEW_COLUMNS = (
    "a quoted field that begins here ends in another line, which two stray quotes would do as well in a "
    f"file with fewer than {_FEWEST_FIELDS_OF_LONG_ROWS} columns; {_TRUST}"
)
_LONE_CR = "a carriage return inside a field without quotes"


class CsvHeaderError(ValueError):
    """A header that names no columns; the message says why."""


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """`delimiter` and `quote` are one character each; `quote` is empty if quotes mean nothing, and
    `trusted` if the user says so."""

    delimiter: str
    quote: str
    trusted: bool


def guess_delimiter(header: str, quote: str) -> str:
    """The one of `,`, `;`, tab and `|` that the header has most of, outside quotes; else a comma."""
    mark = re.escape(quote)
    outside = re.sub(f"{mark}[^{mark}]*{mark}", "", header) if quote else header
    return max(_DELIMITERS, key=outside.count)


def parse_delimiter(text: str) -> str:
    """The delimiter that an option says: one character, or `tab`. Raises ValueError."""
    character = "\t" if text in ("tab", "\\t") else text
    if len(character) != 1 or character in "\r\n":
        raise ValueError(f"--delimiter {text}: must be one character, or `tab`")
    return character


def parse_quote(text: str) -> str:
    """The quote that an option says: one character, or `none` for an empty text. Raises ValueError."""
    if text == "none":
        return ""
    if len(text) != 1 or text in "\r\n":
        raise ValueError(f"--quote {text}: must be one character, or `none`")
    return text


class CsvRows:
    """Iterates over the rows of decoded lines that keep their ends; None is a line that was too long.
    Blank lines are no rows. The first line that is not blank is the header, whose names are `columns`.

    `delimiter` None means that the header decides, `quote` None that quotes are not trusted. Raises
    CsvHeaderError if the header cannot be used.
    """

    def __init__(
        self,
        lines: Iterable[str | None],
        *,
        delimiter: str | None = None,
        quote: str | None = None,
    ) -> None:
        csv.field_size_limit(MAX_ROW_LENGTH)
        self._lines = iter(lines)
        self._read: deque[str | None] = deque()
        self._number = 1
        while self._peek(0) is not None and not _body(self._peek(0) or ""):
            self._take(1)
        head = self._peek(0) or ""
        used = DEFAULT_QUOTE if quote is None else quote
        delimiter = delimiter or guess_delimiter(_body(head), used)
        self._dialect = CsvDialect(delimiter, used, quote is not None)
        self._whole, self._open = _strict_patterns(self._dialect)
        self._width = 0
        self.columns = self._header()
        self._width = len(self.columns)

    def __iter__(self) -> Iterator[Row]:
        while self._more(0):
            number, line = self._number, self._peek(0)
            if line is None:
                taken, fields, problem = 1, None, TOO_LONG
            elif not _body(line):
                self._take(1)
                continue
            else:
                taken, fields, problem = self._row(line)
            self._take(taken)
            document = None if fields is None else dict(zip(self.columns, fields, strict=True))
            yield Row(number, b"", document, problem, taken)

    def _header(self) -> list[str]:
        if not self._more(0):
            raise CsvHeaderError("the file is empty: it has no header")
        number, line = self._number, self._peek(0)
        taken, fields, problem = (1, None, TOO_LONG) if line is None else self._row(line)
        if problem == _LONE_CR:
            problem += (
                "; lines must end in LF or CRLF: rewrite the file, for example with tr '\\r' '\\n'"
            )
        if fields is None:
            raise CsvHeaderError(f"the header (line {number}): {problem}")
        self._take(taken)
        return fields

    def _row(self, line: str) -> tuple[int, list[str] | None, str]:
        """How many lines the row takes that begins with `line`, and its fields or what is wrong."""
        quote, delimiter = self._dialect.quote, self._dialect.delimiter
        if not quote or quote not in line:
            body = _body(line)
            if "\r" in body:
                return 1, None, _LONE_CR
            return self._checked(1, body.split(delimiter))
        parts, problem = self._quoted_lines(line)
        if problem:
            return 1, None, problem
        text = _body("".join(parts))
        if not self._whole.fullmatch(text):
            return 1, None, _STRAY_QUOTE
        fields = next(csv.reader([text], delimiter=delimiter, quotechar=quote, strict=True))
        if len(parts) > 1 and not self._dialect.trusted:
            # The header itself has no other width than its own.
            width = self._width or len(fields)
            if width < _FEWEST_FIELDS_OF_LONG_ROWS:
                return 1, None, _FEW_COLUMNS
            if _look_like_rows(parts, delimiter, width):
                return 1, None, _TWO_STRAY_QUOTES
        return self._checked(len(parts), fields)

    def _quoted_lines(self, line: str) -> tuple[list[str], str]:
        """The lines up to the one in which the last quoted field ends, or what is wrong."""
        quote = self._dialect.quote
        parts, quotes, length = [line], line.count(quote), len(line)
        if quotes % 2 and not self._open.fullmatch(line):
            return parts, _STRAY_QUOTE
        while quotes % 2:
            following = self._peek(len(parts)) if self._more(len(parts)) else None
            if following is None:
                return parts, _NO_END
            if len(parts) == MAX_ROW_LINES and not self._dialect.trusted:
                return parts, _TOO_MANY_LINES
            parts.append(following)
            quotes += following.count(quote)
            length += len(following)
            if length > MAX_ROW_LENGTH:
                return parts, TOO_LONG
        return parts, ""

    def _checked(self, taken: int, fields: list[str]) -> tuple[int, list[str] | None, str]:
        if self._width and len(fields) != self._width:
            # Of a row of several lines only the first is given up.
            return 1, None, f"has {count(len(fields), 'field')}, the header has {self._width}"
        return taken, fields, ""

    # Lines are read ahead while the end of a quoted field is looked for, and given back if it fails.

    def _more(self, ahead: int) -> bool:
        while len(self._read) <= ahead:
            try:
                self._read.append(next(self._lines))
            except StopIteration:
                return False
        return True

    def _peek(self, ahead: int) -> str | None:
        return self._read[ahead] if self._more(ahead) else None

    def _take(self, count: int) -> None:
        for _ in range(count):
            self._read.popleft()
        self._number += count


def _body(line: str) -> str:
    """The line without its end."""
    return line.removesuffix("\n").removesuffix("\r")


def _look_like_rows(parts: list[str], delimiter: str, width: int) -> bool:
    """Whether the first and the last line, or most lines that are not blank, have `width` fields when
    quotes are ordinary characters."""
    # Blank lines between rows are no rows, so they say nothing.
    alike = [part.count(delimiter) == width - 1 for part in parts if _body(part)]
    return (alike[0] and alike[-1]) or 2 * sum(alike) > len(alike)


def _strict_patterns(dialect: CsvDialect) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What a whole row is, because Python's strict mode lets quotes inside a field without quotes pass;
    and what the beginning of a row is that ends inside a quoted field."""
    quote, delimiter = re.escape(dialect.quote or DEFAULT_QUOTE), re.escape(dialect.delimiter)
    inside = f"{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+"
    field = f"(?:{inside}{quote}|[^{quote}{delimiter}\r\n]*+)"
    whole = re.compile(f"{field}(?:{delimiter}{field})*+")
    return whole, re.compile(f"(?:{field}{delimiter})*+{inside}")
