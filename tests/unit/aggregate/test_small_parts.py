"""Ids, values, known members, packed arrays, undecodable entries."""

from decimal import Decimal

import orjson
import pytest

from libs.catalog import MetricKind
from libs.streams.errors import UnreadableError
from services.aggregate.counting.convert import stored_batch
from services.aggregate.counting.identity import make_cell, member_texts
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.model import Measure
from services.aggregate.values import metric_value
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import plan


def test_a_cell_id_depends_on_everything_that_makes_the_cell() -> None:
    matches, scores = plan().rollups["matches"], plan().rollups["scores"]
    cells = [
        make_cell("arena", matches, (0, "g1", None)),
        make_cell("arena", matches, (0, None, "g1")),
        make_cell("arena", matches, (3_600, "g1", None)),
        make_cell("arena2", matches, (0, "g1", None)),
        make_cell("arena", matches, (0, "g1", b"1")),
        make_cell("arena", matches, (0, "g1", "1")),
        make_cell("arena", scores, (0, "g1", None, None, None)),
    ]
    assert len({cell.cell_id for cell in cells}) == len(cells)
    assert {len(cell.cell_id) for cell in cells} == {16}


def test_dimensions_are_stored_as_they_are() -> None:
    nasty = "'); DROP TABLE aggregate.cells; --"
    cell = make_cell("arena", plan().rollups["matches"], (0, nasty, b"[1,true]"))
    assert orjson.loads(cell.dimensions) == {"guild_id": nasty, "mode": [1, True]}


def test_a_member_too_long_for_an_index_is_stored_as_a_hash() -> None:
    assert member_texts({"ann", "x" * 256}) == {"ann", "x" * 256}
    [short] = member_texts({"x" * 257})
    assert short.startswith("blake2b:")
    assert len(short) == 8 + 64


@pytest.mark.parametrize(
    ("kind", "measure", "value"),
    [
        (MetricKind.COUNT, Measure(3, None, None, None), 3.0),
        (MetricKind.DISTINCT, Measure(2, None, None, None), 2.0),
        (MetricKind.SUM, Measure(2, Decimal("0.3"), 0.1, 0.2), 0.3),
        (MetricKind.AVG, Measure(4, Decimal(10), 1.0, 4.0), 2.5),
        (MetricKind.MIN, Measure(2, Decimal(5), -1.0, 6.0), -1.0),
        (MetricKind.MAX, Measure(2, Decimal(5), -1.0, 6.0), 6.0),
        (MetricKind.SUM, Measure(0, None, None, None), None),
        (MetricKind.DISTINCT, Measure(0, None, None, None), None),
    ],
)
def test_what_a_reader_sees(kind: MetricKind, measure: Measure, value: float | None) -> None:
    assert metric_value(kind, measure) == value


def test_known_members_forget_the_cell_that_was_unused_longest() -> None:
    known = KnownMembers(3)
    known.remember(b"a", "m", {"1", "2"})
    known.remember(b"b", "m", {"1"})
    assert known.unknown(b"a", "m", {"1", "3"}) == {"3"}
    known.remember(b"c", "m", {"9"})
    assert known.unknown(b"b", "m", {"1"}) == {"1"}
    assert known.unknown(b"a", "m", {"1"}) == set()
    assert len(known) == 3


def test_a_cell_larger_than_the_limit_is_not_remembered() -> None:
    known = KnownMembers(2)
    known.remember(b"a", "m", {"1", "2", "3"})
    assert known.unknown(b"a", "m", {"1"}) == {"1"}
    assert len(known) == 0


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
