"""Which cell a key means: an id that every process computes alike, so that no cell is looked up first."""

import hashlib
from dataclasses import replace
from typing import Any

import orjson

from services.aggregate.model import Cell, CellKey
from services.aggregate.plan import RollupPlan

_LONGEST_MEMBER = 256


class CellIdentity:
    """Makes cells from keys; remembers some, because a chunk touches mostly the cells of the last."""

    def __init__(self, remembered: int) -> None:
        self._remembered = remembered
        self._cells: dict[tuple[str, str, tuple[str, ...], CellKey, int], Cell] = {}

    def cell(self, app_id: str, plan: RollupPlan, key: CellKey, generation: int = 0) -> Cell:
        """The cell of `key` in a rollup of the app, as the generation has it."""
        # With the names: a rollup may have other dimensions in the next catalog.
        place = app_id, plan.name, plan.dimension_names, key, generation
        known = self._cells.get(place)
        if known is None:
            if len(self._cells) >= self._remembered:
                self._cells.clear()
            key = tuple(map(_copied, key))
            place = app_id, plan.name, plan.dimension_names, key, generation
            known = self._cells[place] = make_cell(app_id, plan, key, generation)
        return known


def make_cell(app_id: str, plan: RollupPlan, key: CellKey, generation: int = 0) -> Cell:
    """See CellIdentity. The id is 16 bytes of BLAKE2b over the JSON array of app, rollup, bucket and
    dimensions, and the generation if it is not 0; JSON, so that no two different arrays have the
    same bytes."""
    bucket, *values = key
    dimensions = orjson.dumps(
        {
            name: orjson.Fragment(value) if type(value) is bytes else value
            for name, value in zip(plan.dimension_names, values, strict=True)
        },
        option=orjson.OPT_SORT_KEYS,
    )
    place = [app_id, plan.name, bucket, orjson.Fragment(dimensions)]
    cell = Cell(_hash(place), app_id, plan.name, bucket, _copied(dimensions))
    if not generation:
        return cell
    return replace(
        cell, cell_id=_hash([*place, generation]), generation=generation, first_id=cell.cell_id
    )


def _hash(place: list[object]) -> bytes:
    return hashlib.blake2b(orjson.dumps(place), digest_size=16).digest()


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
