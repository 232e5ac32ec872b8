"""Which rows of a table of paths are shown. Pure."""

from collections.abc import Hashable, Iterable

from services.aggregate.behaviour.paths.model import PathTable, Row
from services.aggregate.suppression.tables import withheld


def shown_paths(table: PathTable, least: int) -> PathTable:
    """The rows without those of fewer than `least` people, and without others of the same step, of which sums
    are known: what goes into an event is what went out to it. Without any row, not even the number of paths
    is shown."""
    people = {row: row.people for row in table.rows}
    hidden = withheld(people, _lines, least)
    rows = tuple(row for row in table.rows if row not in hidden)
    return PathTable(rows, table.paths if rows else 0)


def _lines(row: Row) -> Iterable[Hashable]:
    return [
        row.step,
        (row.step, "from", row.event),
        (row.step, "to", row.next),
    ]
