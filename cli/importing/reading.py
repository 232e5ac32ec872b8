"""How a file's rows are read: its encoding and, if it is CSV, its delimiter and quote."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from cli.event_files import EventFile, FileFormat, Row, read_ndjson
from cli.importing.csv_rows import CsvHeaderError, CsvRows, parse_delimiter, parse_quote


class ReadingError(ValueError):
    """A file that cannot be read, or options that cannot be meant; the message says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`encoding` is one that Python knows, `delimiter` None if the header decides, `quote` empty if
    quotes mean nothing and None if they are the usual ones, which are not trusted."""

    encoding: str
    delimiter: str | None
    quote: str | None

    @classmethod
    def parse(cls, encoding: str, delimiter: str | None, quote: str | None) -> Self:
        """From the options of a command. Raises ReadingError."""
        try:
            # Unlike `codecs.lookup`, this refuses codecs that are no text encoding, such as base64.
            "a".encode(encoding)
            return cls(
                encoding,
                None if delimiter is None else parse_delimiter(delimiter),
                None if quote is None else parse_quote(quote),
            )
        except (LookupError, UnicodeError):
            message = (
                f"--encoding {encoding}: is no text encoding that is known; try utf-8, cp1252, latin-1 or "
                "utf-16"
            )
            raise ReadingError(message) from None
        except ValueError as error:
            raise ReadingError(str(error)) from None

    def rows(
        self, file: EventFile, file_format: FileFormat
    ) -> tuple[list[str] | None, Iterator[Row]]:
        """The names of the columns, if the format has any, and the rows. Raises ReadingError for CSV
        without a usable header, and what reading the file raises; the rows raise ReadingError if the file
        is not written in the encoding at all."""
        if file_format is FileFormat.NDJSON:
            return None, read_ndjson(self._json_lines(file))
        try:
            rows = CsvRows(self._text_lines(file), delimiter=self.delimiter, quote=self.quote)
        except CsvHeaderError as error:
            raise ReadingError(str(error)) from None
        return rows.columns, iter(rows)

    def _json_lines(self, file: EventFile) -> Iterator[bytes | None]:
        if self.encoding == "utf-8":
            yield from file.byte_lines()
            return
        for line in self._text_lines(file):
            # A mark for bytes that cannot be decoded stays one that JSON does not take.
            yield None if line is None else line.encode("utf-8", "surrogatepass")

    def _text_lines(self, file: EventFile) -> Iterator[str | None]:
        try:
            yield from file.text_lines(self.encoding)
        except UnicodeError as error:
            # Not single bytes, which are marked, but a file that the codec refuses as a whole.
            name = codecs.lookup(self.encoding).name
            hint = (
                f"; without a byte order mark it may be {name}-le or {name}-be"
                if name in ("utf-16", "utf-32")
                else ""
            )
            raise ReadingError(
                f"cannot be read with --encoding {self.encoding}: {error}{hint}"
            ) from None
