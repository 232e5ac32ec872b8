"""Adds what events come to to cells, in one transaction that is open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.aggregate.counting.generations import first_version
from services.aggregate.counting.identity import member_texts
from services.aggregate.counting.known_members import KnownMembers
from services.aggregate.model import CellDelta, Measure
from services.aggregate.ports import CountingTransaction

States = Mapping[bytes, tuple[int, Mapping[str, Measure]]]
MembersByMetric = Mapping[tuple[bytes, str], set[str]]


@dataclass(frozen=True, slots=True)
class Added:
    """Version and absolute measures of each cell that changed, by id, and the members that are stored once
    the transaction is committed."""

    states: States
    members: MembersByMetric

    def remember(self, known: KnownMembers) -> None:
        """Takes note of the members, after the commit."""
        for (cell_id, metric), found in self.members.items():
            known.remember(cell_id, metric, found)


async def add_deltas(
    transaction: CountingTransaction,
    visible: Sequence[CellDelta],
    made: Sequence[CellDelta],
    known: KnownMembers,
) -> Added:
    """Adds to cells that readers see, and to those that recounts are making."""
    members = await _add_members(transaction, [*visible, *made], known)
    # All members of the cell were known: nothing changed, and nothing is published.
    visible, made = _growing(visible), _growing(made)
    states = await transaction.add_measures([*visible, *made]) if visible or made else {}
    # Only with its first version can the cell itself be missing.
    if created := _created(visible, states):
        await transaction.add_cells([delta.cell for delta in created])
    if created := _created(made, states):
        await transaction.add_made_cells([delta.cell for delta in created])
    return Added({delta.cell.cell_id: states[delta.cell.cell_id] for delta in visible}, members)


def _growing(deltas: Sequence[CellDelta]) -> list[CellDelta]:
    # Without members there was an event at least that counts.
    return [
        delta
        for delta in deltas
        if not delta.members or any(measure.count for measure in delta.measures)
    ]


def _created(deltas: Sequence[CellDelta], states: States) -> list[CellDelta]:
    return [
        delta
        for delta in deltas
        if states[delta.cell.cell_id][0] == first_version(delta.cell.generation)
    ]


async def _add_members(
    transaction: CountingTransaction, deltas: Sequence[CellDelta], known: KnownMembers
) -> MembersByMetric:
    unknown: dict[tuple[bytes, str], set[str]] = {}
    for delta in deltas:
        for metric, members in delta.members.items():
            texts = member_texts(members)
            left = known.unknown(delta.cell.cell_id, metric, texts)
            if left:
                unknown[delta.cell.cell_id, metric] = left
    added = await transaction.add_members(unknown) if unknown else {}
    for delta in deltas:
        for measure in delta.measures:
            if measure.metric in delta.members:
                measure.count = added.get((delta.cell.cell_id, measure.metric), 0)
    return unknown
