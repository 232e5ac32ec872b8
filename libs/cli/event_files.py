"""Reading files of events: NDJSON or CSV, plain or gzip, from a path or from standard input."""

import csv
import gzip
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, cast

import orjson

_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_FIELD = 16 * 1024 * 1024
_PEEK_BYTES = 64 * 1024


class FileFormat(StrEnum):
    """How a file's events are written."""

    CSV = "csv"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a file: where it stands (from 1), its raw content where the format has one, and
    either the document or what is wrong with it."""

    number: int
    content: bytes
    document: dict[str, Any] | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EventFile:
    """An open file, unpacked. `position` tells how many bytes of the packed file are read; `size` is
    None where it is not known, as for standard input."""

    content: IO[bytes]
    position: Callable[[], int]
    size: int | None
    head: bytes


@contextmanager
def open_events(path: str) -> Iterator[EventFile]:
    """Opens a file by path, `-` for standard input. Raises OSError."""
    with ExitStack() as stack:
        if path == "-":
            # What cannot seek cannot tell where it is either.
            raw, size, position = cast(io.BufferedReader, sys.stdin.buffer), None, lambda: 0
        else:
            raw = stack.enter_context(Path(path).open("rb"))
            size, position = Path(path).stat().st_size, raw.tell
        content: Any = raw
        if raw.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
            content = io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=raw)), _PEEK_BYTES)
        yield EventFile(content, position, size, content.peek(_PEEK_BYTES))


def detect_format(path: str, head: bytes) -> FileFormat:
    """By the name where it says so, else by the content: what begins with `{` is NDJSON."""
    suffixes = {suffix.lower() for suffix in Path(path).suffixes}
    if suffixes & {".csv", ".tsv"}:
        return FileFormat.CSV
    if suffixes & {".ndjson", ".jsonl", ".json"}:
        return FileFormat.NDJSON
    first = head.removeprefix(_BOM).lstrip()[:1]
    return FileFormat.NDJSON if first in (b"{", b"[", b"") else FileFormat.CSV


def read_lines(file: EventFile, file_format: FileFormat) -> Iterator[Line]:
    """The events in their order; a line that cannot be read is there with its problem, and the rest
    goes on. Blank lines are no events. Raises OSError or EOFError for a file that breaks off."""
    return _read_ndjson(file.content) if file_format is FileFormat.NDJSON else _read_csv(file)


def _read_ndjson(content: IO[bytes]) -> Iterator[Line]:
    for number, raw in enumerate(content, start=1):
        line = (raw.removeprefix(_BOM) if number == 1 else raw).strip()
        if not line:
            continue
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield Line(number, line, None, f"is not valid JSON: {error.msg}")
            continue
        if isinstance(document, dict):
            yield Line(number, line, document)
        else:
            yield Line(number, line, None, "is not a JSON object")


def csv_columns(file: EventFile) -> list[str]:
    """The names in a CSV file's header, without reading on; empty for an empty file."""
    header = _header(file)
    return next(csv.reader([header], delimiter=_delimiter(header)), [])


def _header(file: EventFile) -> str:
    return file.head.removeprefix(_BOM).split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r")


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=header.count)


def _read_csv(file: EventFile) -> Iterator[Line]:
    csv.field_size_limit(_LONGEST_FIELD)
    # Bytes that are not UTF-8 become lone surrogates, which nothing later takes: a problem of a row.
    text = io.TextIOWrapper(file.content, "utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=_delimiter(_header(file)))
    try:
        names = next(reader, [])
        rows = iter(reader)
        while True:
            try:
                row = next(rows)
            except csv.Error as error:
                yield Line(reader.line_num, b"", None, f"is not CSV: {error}")
                continue
            except StopIteration:
                return
            if not row:
                continue
            if len(row) != len(names):
                problem = f"has {len(row)} fields, the header has {len(names)}"
                yield Line(reader.line_num, b"", None, problem)
                continue
            yield Line(reader.line_num, b"", dict(zip(names, row, strict=True)))
    finally:
        text.detach()
