"""Ids of cells, their dimensions as they are stored, and members."""

import orjson

from services.aggregate.counting.identity import make_cell, member_texts
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
