"""Files that are not written in the encoding that a user says."""

from pathlib import Path

import pytest

from cli.event_files import FileFormat, open_events
from cli.importing.reading import Reading, ReadingError


@pytest.mark.parametrize(
    ("file_format", "text"), [(FileFormat.CSV, "a,b\n1,2\n"), (FileFormat.NDJSON, '{"a": "1"}\n')]
)
@pytest.mark.parametrize("encoding", ["utf-16", "UTF_32"])
@pytest.mark.parametrize("written", ["utf-8", "utf-16-le", "utf-32-le"])
def test_a_file_without_a_byte_order_mark_is_refused_with_what_to_say(
    tmp_path: Path, file_format: FileFormat, text: str, encoding: str, written: str
) -> None:
    file = tmp_path / "events"
    file.write_bytes(text.encode(written))
    named = f"{encoding}:.*{encoding.lower().replace('_', '-')}-le"
    with open_events(str(file)) as events, pytest.raises(ReadingError, match=named):
        list(Reading.parse(encoding, None, None).rows(events, file_format)[1])


def test_a_file_without_a_byte_order_mark_is_read_if_its_order_is_said(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_bytes("a,b\n1,é\n".encode("utf-16-be"))
    with open_events(str(file)) as events:
        _, rows = Reading.parse("utf-16-be", None, None).rows(events, FileFormat.CSV)
        assert [row.document for row in rows] == [{"a": "1", "b": "é"}]
