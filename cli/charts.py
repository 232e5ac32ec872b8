"""Numbers as pictures in a terminal: a line of blocks, and colours for shares."""

from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
MISSING = "·"
# Backgrounds of xterm's 256 colours from light to dark blue, each with a text that can be read on it.
_HEAT = (
    "black on color(195)",
    "black on color(153)",
    "black on color(117)",
    "black on color(75)",
    "white on color(33)",
    "white on color(27)",
    "white on color(20)",
    "white on color(18)",
)


def sparkline(values: Sequence[float | None]) -> str:
    """One character for each value, from the lowest block to the highest; `·` for None.

    The scale begins at 0, or at the least value if one is negative, and ends at the greatest value.
    """
    known = [value for value in values if value is not None]
    low, high = min(known, default=0), max(known, default=0)
    low = min(low, 0)
    return "".join(
        MISSING if value is None else _BLOCKS[_step(value - low, high - low, len(_BLOCKS))]
        for value in values
    )


def heat_style(value: float, highest: float) -> str:
    """The style, for rich, of a cell that shows a value from 0 to the highest of the table: the darker, the
    more."""
    return _HEAT[_step(value, highest, len(_HEAT))]


def _step(value: float, of: float, steps: int) -> int:
    """Which of the equal steps from 0 to `of` the value is in."""
    return min(int(value / of * steps), steps - 1) if of else 0
