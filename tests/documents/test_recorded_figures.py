"""What the documents ask of speed, against the figures that docs/benchmarks.md records; nothing is timed."""

import re

import pytest

from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "benchmarks.md").read_text()
# Name, median, and the largest value of the range.
FIGURE = re.compile(r"^\| `(\w+)` \| ([\d,.]+) \| ([\d,.]+) \.\. ([\d,.]+) \|", re.MULTILINE)


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _recorded() -> dict[str, tuple[float, float]]:
    """The smallest and the largest measured value by name."""
    return {name: (_number(low), _number(high)) for name, _, low, high in FIGURE.findall(PAGE)}


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        # IP assets, "Database Write Optimization": 1,000 events per second and instance.
        ("end_to_end_events_per_s", 1_000, None),
        # Unofficial Communities 5.1, "Analytics DB": stored in less than a minute.
        ("stored_p99_ms", None, 60_000),
    ],
)
def test_the_slowest_recorded_run_is_fast_enough(
    name: str, least: float | None, most: float | None
) -> None:
    low, high = _recorded()[name]
    assert least is None or low >= least
    assert most is None or high < most
