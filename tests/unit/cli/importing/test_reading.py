"""How a file is to be read, from the options of a command."""

import pytest

from cli.importing.reading import Reading, ReadingError


# The second is a codec from bytes to bytes, the third one that no text passes.
@pytest.mark.parametrize("encoding", ["foo", "base64", "undefined"])
def test_what_is_no_text_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(ReadingError, match=f"--encoding {encoding}: is no text encoding"):
        Reading.parse(encoding, None, None)


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "cp1252", "latin-1", "utf-16", "shift_jis"])
def test_text_encodings_are_taken_by_any_of_their_names(encoding: str) -> None:
    assert Reading.parse(encoding, None, None) == Reading(encoding, None, None)
