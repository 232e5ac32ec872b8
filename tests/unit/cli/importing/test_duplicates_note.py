"""What an import says about duplicates."""

from cli.derived_ids import IdFrom
from cli.importing.duplicates_note import duplicates_note


def test_no_duplicates_no_words() -> None:
    assert duplicates_note(0, 10, 10, None, IdFrom.CONTENT) == ""


def test_each_way_to_make_ids_has_its_remedy() -> None:
    content = duplicates_note(6, 4, 10, None, IdFrom.CONTENT)
    assert content.startswith("mostly duplicates: 6 of 10 rows")
    assert "add nothing: a stored event is never changed, also not by other options" in content
    assert "--map event_id=COLUMN" in content
    assert "--id-from file-content" in content
    # Who follows the advice in the same suite counts the other rows twice.
    assert "the 4 rows that it added would count twice" in content
    assert "count twice" not in duplicates_note(10, 0, 10, None, IdFrom.CONTENT)
    assert duplicates_note(5, 5, 10, None, IdFrom.CONTENT).startswith("5 of 10 rows")
    assert "1 of 2 rows has the id of an event that was sent before, and adds nothing" in (
        duplicates_note(1, 1, 2, None, IdFrom.CONTENT)
    )
    assert "rename the file" in duplicates_note(6, 4, 10, None, IdFrom.FILE_CONTENT)
    assert "column customer does not" in duplicates_note(6, 4, 10, "customer", IdFrom.CONTENT)
