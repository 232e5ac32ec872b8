"""Files of events: opened plain or packed, read line by line, and NDJSON's lines taken for rows."""

import codecs
import gzip
import io
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, AnyStr, cast

import orjson

# A line, and a row of several lines. An event has at most 3 MiB in a frame.
MAX_ROW_LENGTH = 4 * 1024 * 1024
TOO_LONG = f"longer than {MAX_ROW_LENGTH:,} characters"
# What reading a file raises that breaks off, or cannot be read at all.
READ_ERRORS = (OSError, EOFError, zlib.error)

_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_UTF_16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PEEK_BYTES = 64 * 1024
# Stands for bytes that the encoding does not know. A lone surrogate is no character, so nothing takes
# the text for a correct one.
UNDECODABLE = "\udcff"


class FileFormat(StrEnum):
    """How a file's events are written."""

    CSV = "csv"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: the line in which it begins (from 1), how many lines it takes, its raw content
    if the format has one, and either the document or what is wrong with it."""

    number: int
    content: bytes
    document: dict[str, Any] | None
    problem: str = ""
    lines: int = 1


class EventFile:
    """An open file, unpacked. `size` is in bytes as the file is stored, None if it is not known, as for
    standard input and pipes; `lines` counts the lines that are read."""

    def __init__(self, raw: io.RawIOBase, size: int | None) -> None:
        self.size = size
        self.lines = 0
        self._counted = _CountedBytes(raw)
        self._content: io.BufferedReader = io.BufferedReader(self._counted, _PEEK_BYTES)
        if self._content.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC):
            unpacked = gzip.GzipFile(fileobj=self._content)
            self._content = io.BufferedReader(cast(Any, unpacked), _PEEK_BYTES)
        self.head = self._content.peek(_PEEK_BYTES)

    def position(self) -> int:
        """How many bytes are read, as the file is stored."""
        return self._counted.count

    def byte_lines(self) -> Iterator[bytes | None]:
        """The lines as they are, with their ends; None for one that is too long, which is skipped.
        Raises one of READ_ERRORS for a file that breaks off, as `text_lines` does."""
        return self._counting_lines(self._content, b"\n")

    def text_lines(self, encoding: str) -> Iterator[str | None]:
        """The decoded lines with their ends, without a byte order mark; None for one that is too long.
        Bytes that the encoding does not know become UNDECODABLE. Lines end in LF or CRLF, and in CR
        only if the file has no other ends. Raises LookupError for an unknown encoding."""
        codecs.register_error("weir-mark", _mark_undecodable)
        name = codecs.lookup(encoding).name
        if name == "utf-8":
            name = "utf-16" if self.head.startswith(_UTF_16_BOMS) else "utf-8-sig"
        end = "\r" if b"\r" in self.head and b"\n" not in self.head else "\n"
        text = io.TextIOWrapper(self._content, name, errors="weir-mark", newline=end)
        try:
            yield from self._counting_lines(text, end)
        finally:
            # Closed already, if all of this was left unfinished and Python has cleared it away.
            if not self._content.closed:
                text.detach()

    def _counting_lines(self, stream: IO[AnyStr], end: AnyStr) -> Iterator[AnyStr | None]:
        while line := stream.readline(MAX_ROW_LENGTH):
            self.lines += 1
            if len(line) < MAX_ROW_LENGTH:
                yield line
                continue
            while line and not line.endswith(end):
                line = stream.readline(MAX_ROW_LENGTH)
            yield None


class _CountedBytes(io.RawIOBase):
    """Passes on what `raw` reads and counts it, because pipes do not know their position."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self.count = 0
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        read = self._raw.readinto(buffer)
        self.count += read or 0
        return read


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return UNDECODABLE, error.end


def displayed(text: str, length: int = 40) -> str:
    """The beginning of a text from a file, so that it can be printed."""
    cut = f"{text[:length]}..." if len(text) > length else text
    return cut.replace(UNDECODABLE, "\ufffd")


def read_error(error: Exception) -> str:
    """What is wrong with a file, from one of READ_ERRORS."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


@contextmanager
def open_events(path: str) -> Iterator[EventFile]:
    """Opens a file by path, `-` for standard input. Raises OSError."""
    with ExitStack() as stack:
        if path == "-":
            # Its buffer would wait until it is full.
            raw = stack.enter_context(open(sys.stdin.fileno(), "rb", buffering=0, closefd=False))
            yield EventFile(raw, None)
        else:
            raw = stack.enter_context(Path(path).open("rb", buffering=0))
            about = Path(path).stat()
            yield EventFile(raw, about.st_size if stat.S_ISREG(about.st_mode) else None)


def detect_format(path: str, head: bytes) -> FileFormat:
    """By the name if it says so, else by the content: what begins with `{` is NDJSON."""
    suffixes = {suffix.lower() for suffix in Path(path).suffixes}
    if suffixes & {".csv", ".tsv"}:
        return FileFormat.CSV
    if suffixes & {".ndjson", ".jsonl", ".json"}:
        return FileFormat.NDJSON
    first = head.removeprefix(_BOM).lstrip()[:1]
    return FileFormat.NDJSON if first in (b"{", b"[", b"") else FileFormat.CSV


def read_ndjson(lines: Iterable[bytes | None]) -> Iterator[Row]:
    """A row for each line that is not blank, in their order; a line that cannot be read is there with
    its problem."""
    for number, raw in enumerate(lines, start=1):
        if raw is None:
            yield Row(number, b"", None, TOO_LONG)
            continue
        line = (raw.removeprefix(_BOM) if number == 1 else raw).strip()
        if not line:
            continue
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield Row(number, line, None, f"is not valid JSON: {error.msg}")
            continue
        if isinstance(document, dict):
            yield Row(number, line, document)
        else:
            yield Row(number, line, None, "is not a JSON object")
