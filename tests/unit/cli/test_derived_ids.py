"""Ids for events without one: the same on every run, different wherever the events are."""

import uuid

import pytest

from cli.derived_ids import IdFrom, RowIds, line_id

ROW = {"name": "gameStarted", "subject_id": "p1", "occurred_at": "2016-04-27"}
OTHER = {**ROW, "subject_id": "p2"}


def test_a_line_has_the_same_id_on_every_run() -> None:
    first = line_id("gamelaunch", 3, b'{"a": 1}')
    assert first == line_id("gamelaunch", 3, b'{"a": 1}')
    assert uuid.UUID(first).version == 5


def test_app_number_and_content_make_a_line_another_one() -> None:
    ids = {
        line_id("gamelaunch", 3, b'{"a": 1}'),
        line_id("chess", 3, b'{"a": 1}'),
        line_id("gamelaunch", 4, b'{"a": 1}'),
        line_id("gamelaunch", 3, b'{"a": 2}'),
        # Bytes that are not UTF-8 are content as well.
        line_id("gamelaunch", 3, b'{"a": "\xff"}'),
        line_id("gamelaunch", 3, b'{"a": "\xfe"}'),
    }
    assert len(ids) == 6


def _ids(rows: list[dict[str, str]], id_from: IdFrom, path: str) -> list[str]:
    ids = RowIds("gamelaunch", id_from, path)
    # Line 1 is the header.
    return [ids.next(row, line) for line, row in enumerate(rows, start=2)]


@pytest.mark.parametrize("id_from", IdFrom)
def test_equal_rows_are_as_many_events_and_the_same_ones_on_every_run(id_from: IdFrom) -> None:
    rows = [ROW, ROW, OTHER]
    ids = _ids(rows, id_from, "day.csv")
    assert len(set(ids)) == 3
    # Wherever the file lies, packed or not, and with rows added at its end.
    assert _ids([*rows, ROW], id_from, "/moved/day.csv.gz")[:3] == ids


@pytest.mark.parametrize("id_from", [IdFrom.CONTENT, IdFrom.FILE_CONTENT])
def test_the_order_of_rows_and_of_their_columns_does_not_matter(id_from: IdFrom) -> None:
    one, two = _ids([ROW, OTHER], id_from, "day.csv")
    assert _ids([OTHER, dict(reversed(ROW.items()))], id_from, "day.csv") == [two, one]


def test_the_same_row_in_two_files_is_one_event_or_two() -> None:
    for id_from, events in ((IdFrom.CONTENT, 1), (IdFrom.FILE_CONTENT, 2), (IdFrom.FILE_ROW, 2)):
        ids = [_ids([ROW], id_from, path)[0] for path in ("monday.csv", "tuesday.csv")]
        assert len(set(ids)) == events, id_from


def test_another_row_in_the_same_line_is_another_event() -> None:
    [first] = _ids([ROW], IdFrom.FILE_ROW, "day.csv")
    assert _ids([OTHER], IdFrom.FILE_ROW, "day.csv") != [first]
    assert _ids([OTHER, ROW], IdFrom.FILE_ROW, "day.csv")[1] != first


def test_ids_of_earlier_releases_stay() -> None:
    # Computed with the first release's rule, so that an import before it and one after it are one.
    assert _ids([ROW, ROW], IdFrom.CONTENT, "day.csv") == [
        "9434aefc-5399-5149-961f-05f0df20dbb9",
        "880a54a9-12b3-5d3e-a8f8-5507762ebebd",
    ]


def test_another_app_has_other_ids() -> None:
    assert RowIds("gamelaunch").next(ROW, 2) != RowIds("chess").next(ROW, 2)


def test_a_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(TypeError):
        RowIds("gamelaunch").next({"name": "\udcff"}, 2)
