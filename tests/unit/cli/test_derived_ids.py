"""Ids for events without one: the same on every run, different wherever the events are."""

import uuid

import pytest

from libs.cli.derived_ids import RowIds, line_id

ROW = {"name": "gameStarted", "subject_id": "p1", "occurred_at": "2016-04-27"}


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


def test_two_equal_rows_are_two_events_and_the_same_two_on_every_run() -> None:
    first, second = RowIds("gamelaunch"), RowIds("gamelaunch")
    ids = [first.next(ROW), first.next(ROW), first.next({**ROW, "subject_id": "p2"})]
    assert len(set(ids)) == 3
    assert [second.next(ROW), second.next(ROW)] == ids[:2]


def test_the_order_of_rows_and_of_their_columns_does_not_matter() -> None:
    other = {**ROW, "subject_id": "p2"}
    forwards, backwards = RowIds("gamelaunch"), RowIds("gamelaunch")
    one, two = forwards.next(ROW), forwards.next(other)
    assert backwards.next(other) == two
    assert backwards.next(dict(reversed(ROW.items()))) == one


def test_another_app_has_other_ids() -> None:
    assert RowIds("gamelaunch").next(ROW) != RowIds("chess").next(ROW)


def test_a_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(TypeError):
        RowIds("gamelaunch").next({"name": "\udcff"})
