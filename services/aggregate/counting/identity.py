"""Which cell a key means: an id that every process computes alike, so that no cell is looked up first."""

import hashlib
from typing import Any

import orjson

from services.aggregate.model import Cell, CellKey
from services.aggregate.plan import RollupPlan

_LONGEST_MEMBER = 256


class CellIdentity:
    """Makes cells from keys; remembers some, because a chunk touches mostly the cells of the last."""

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._cells: dict[tuple[str, str, tuple[str, ...], CellKey], Cell] = {}

    def cell(self, app_id: str, plan: RollupPlan, key: CellKey) -> Cell:
        """The cell of `key` in a rollup of the app."""
        # With the names: a rollup may have other dimensions in the next catalog.
        place = app_id, plan.name, plan.dimension_names, key
        known = self._cells.get(place)
        if known is None:
            if len(self._cells) >= self._remembered:
                self._cells.clear()
            key = tuple(map(_copied, key))
            place = app_id, plan.name, plan.dimension_names, key
            known = self._cells[place] = make_cell(app_id, plan, key)
        return known


def make_cell(app_id: str, plan: RollupPlan, key: CellKey) -> Cell:
    """See CellIdentity. The id is 16 bytes of BLAKE2b over the JSON array of app, rollup, bucket and
    dimensions; JSON, so that no two different arrays have the same bytes."""
    bucket, *values = key
    dimensions = orjson.dumps(
        {
            name: orjson.Fragment(value) if type(value) is bytes else value
            for name, value in zip(plan.dimension_names, values, strict=True)
        },
        option=orjson.OPT_SORT_KEYS,
    )
    content = orjson.dumps([app_id, plan.name, bucket, orjson.Fragment(dimensions)])
    cell_id = hashlib.blake2b(content, digest_size=16).digest()
    return Cell(cell_id, app_id, plan.name, bucket, _copied(dimensions))


def _copied(value: Any) -> Any:
    """Bytes in as much memory as they need: what orjson returns keeps the block of a kilobyte or more that it
    was written to. Other values as they are."""
    return bytes(memoryview(value)) if type(value) is bytes else value


def member_texts(members: set[str]) -> set[str]:
    """Members as they are stored: themselves, or a hash of those that are too long for an index."""
    if not members or max(map(len, members)) <= _LONGEST_MEMBER:
        return members
    return {
        member
        if len(member) <= _LONGEST_MEMBER
        else "blake2b:" + hashlib.blake2b(member.encode(), digest_size=32).hexdigest()
        for member in members
    }
