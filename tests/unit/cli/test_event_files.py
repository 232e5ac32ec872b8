"""Reading files of events, whole and broken."""

import gc
import gzip
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.event_files import MAX_ROW_LENGTH, FileFormat, Row, detect_format, open_events
from cli.importing.reading import Reading


def _lines(path: Path, encoding: str = "utf-8") -> list[Row]:
    with open_events(str(path)) as file:
        reading = Reading.parse(encoding, None, None)
        return list(reading.rows(file, detect_format(str(path), file.head))[1])


@pytest.mark.parametrize("packed", [False, True])
def test_ndjson_plain_and_packed(tmp_path: Path, packed: bool) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n  {"a": 2}\nnonsense\n[3]\n{"a": 4}'
    path = tmp_path / "events"
    path.write_bytes(gzip.compress(content) if packed else content)
    lines = _lines(path)
    assert [(line.number, line.document) for line in lines] == [
        (1, {"a": 1}),
        (3, {"a": 2}),
        (4, None),
        (5, None),
        (6, {"a": 4}),
    ]
    assert "not valid JSON" in lines[2].problem
    assert lines[3].problem == "is not a JSON object"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("packed", [False, True])
def test_csv_plain_and_packed(tmp_path: Path, delimiter: str, packed: bool) -> None:
    rows = ["id,day,note", '1,"a', 'b",x', "", "2", "3,c,d,e", "4,e,f"]
    content = "\r\n".join(rows).replace(",", delimiter).encode("utf-8-sig")
    path = tmp_path / ("log.csv.gz" if packed else "log.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    lines = _lines(path)
    assert [(line.number, line.document) for line in lines] == [
        # A quoted field may run over lines, in a file of three columns or more; the number is that of
        # its first.
        (2, {"id": "1", "day": "a\r\nb", "note": "x"}),
        (5, None),
        (6, None),
        (7, {"id": "4", "day": "e", "note": "f"}),
    ]
    assert lines[1].problem == "has 1 field, the header has 3"


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("log.csv.gz", b"", FileFormat.CSV),
        ("log.CSV", b"{}", FileFormat.CSV),
        ("log.ndjson", b"a,b", FileFormat.NDJSON),
        ("log.jsonl.gz", b"a,b", FileFormat.NDJSON),
        ("log", b'\xef\xbb\xbf\n {"a": 1}', FileFormat.NDJSON),
        ("-", b"a,b\n1,2", FileFormat.CSV),
        ("-", b"", FileFormat.NDJSON),
    ],
)
def test_the_format_is_told_by_name_and_else_by_content(
    name: str, head: bytes, expected: FileFormat
) -> None:
    assert detect_format(name, head) is expected


def test_a_packed_file_that_breaks_off_raises(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000)[:-200])
    with pytest.raises(EOFError):
        _lines(path)


def test_bytes_that_are_no_utf_8_do_not_stop_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"id\n\xff\n2\n")
    assert len(_lines(path)) == 2
    assert _lines(path)[1].document == {"id": "2"}


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig"])
@pytest.mark.parametrize("name", ["log.csv", "log.ndjson"])
def test_other_encodings_are_read_as_they_are_named(
    tmp_path: Path, encoding: str, name: str
) -> None:
    path = tmp_path / name
    text = "id\nMüller\n" if name == "log.csv" else '{"id": "Müller"}\n'
    path.write_bytes(text.encode(encoding))
    assert [line.document for line in _lines(path, encoding)] == [{"id": "Müller"}]


def test_utf_16_says_itself_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("id\nMüller\n".encode("utf-16"))
    assert [line.document for line in _lines(path)] == [{"id": "Müller"}]


def test_a_file_whose_lines_end_in_carriage_returns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"id,day\r1,a\r2,b\r")
    lines = _lines(path)
    assert [line.document for line in lines] == [{"id": "1", "day": "a"}, {"id": "2", "day": "b"}]


def test_a_line_without_end_is_one_problem_and_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(b'{"a": 1}\n' + b"x" * (2 * MAX_ROW_LENGTH + 5) + b'\n{"a": 2}\n')
    assert [(line.number, line.document) for line in _lines(path)] == [
        (1, {"a": 1}),
        (2, None),
        (3, {"a": 2}),
    ]


def test_the_position_reaches_the_size_and_lines_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n\n" + b"1,2\n" * 50_000))
    with open_events(str(path)) as file:
        assert file.size == path.stat().st_size
        rows = list(Reading.parse("utf-8", None, None).rows(file, FileFormat.CSV)[1])
        assert (len(rows), file.lines) == (50_000, 50_002)
        assert file.position() == file.size


def test_lines_that_are_not_read_to_the_end_leave_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error keeps the file in a cycle; Python clears that away in an order of its own."""
    file = tmp_path / "log.csv"
    file.write_text("a,b\n1,2\n")
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    with open_events(str(file)) as events:
        lines = events.text_lines("utf-8")
        next(lines)
        kept: list[Any] = [events, lines]
    kept.append(kept)
    del events, lines, kept
    gc.collect()
    assert said == []
