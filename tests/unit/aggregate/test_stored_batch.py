"""Entries of the stream that are no batches."""

import pytest

from libs.streams.errors import UnreadableError
from services.aggregate.counting.convert import stored_batch
from tests.support.aggregate_batches import entry, event


def test_entries_that_are_no_batches() -> None:
    good = entry(event())
    for fields in (
        {},
        {b"batch": b"\xff\xff\xff"},
        {b"batch": b"\x0a\x03\xff\xff\xff"},
        entry(event(), batch_id=b"short"),
        {b"batch": good[b"batch"] + b"\x22\x01\x00"},  # a finding for one event too many
    ):
        with pytest.raises(UnreadableError):
            stored_batch(fields)
