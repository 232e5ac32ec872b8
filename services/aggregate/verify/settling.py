"""Which differences are for good, although events keep coming. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.events.recount import RecountKey
from services.aggregate.verify.model import CellDifference, Window


@dataclass(frozen=True, slots=True)
class Look:
    """One comparison of a window."""

    window: Window
    cells: int
    differences: Sequence[CellDifference]
    # Batches that were stored and not counted in the snapshot, without those in quarantine; None: not known.
    uncounted: frozenset[bytes] | None


class Waiting:
    """A window that differed while stored batches were not counted. Once the batches of that look are
    counted, a difference that is the same as before was not theirs, whatever has been stored since."""

    def __init__(self, look: Look) -> None:
        self.newest = look
        self._since = look
        self._proven: set[RecountKey] = set()

    def add(self, look: Look) -> None:
        """The next comparison of the window."""
        self.newest = look
        if self._since.uncounted is None:
            self._since = look
        elif look.uncounted is not None and not self._since.uncounted & look.uncounted:
            before = set(map(_comparable, self._since.differences))
            self._proven |= {one.key for one in look.differences if _comparable(one) in before}
            # The others may be of batches that were stored later.
            self._since = look

    def for_good(self) -> list[CellDifference]:
        """The differences of the newest look that no batch on its way explains."""
        settled = self.newest.uncounted is not None and not self.newest.uncounted
        return [one for one in self.newest.differences if settled or one.key in self._proven]

    @property
    def is_settled(self) -> bool:
        """Whether all of its differences are for good."""
        return len(self.for_good()) == len(self.newest.differences)


def _comparable(difference: CellDifference) -> tuple[object, ...]:
    return difference.key, difference.metrics
