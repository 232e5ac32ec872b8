"""Ids of cells, their dimensions as they are stored, and members."""

import subprocess
import sys

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


MEMORY_OF_CELLS = """
from services.aggregate.counting.columns import canonical_json
from services.aggregate.counting.identity import CellIdentity
from tests.support.arena_catalog import plan

def resident_bytes():
    with open("/proc/self/status") as status:
        [line] = [line for line in status if line.startswith("VmRSS:")]
    return 1024 * int(line.split()[1])

matches, identity = plan().rollups["matches"], CellIdentity(20_000)
identity.cell("arena", matches, (0, "g", canonical_json(-1)))
before = resident_bytes()
for number in range(20_000):
    identity.cell("arena", matches, (0, f"g{number}", canonical_json(number)))
print((resident_bytes() - before) / 20_000)
"""


def test_a_remembered_cell_takes_no_more_memory_than_its_values() -> None:
    """In a process of its own; `known_cells` in the settings is documented with about 500 bytes a cell."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_OF_CELLS], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 1_000


def test_a_member_too_long_for_an_index_is_stored_as_a_hash() -> None:
    assert member_texts({"ann", "x" * 256}) == {"ann", "x" * 256}
    [short] = member_texts({"x" * 257})
    assert short.startswith("blake2b:")
    assert len(short) == 8 + 64
