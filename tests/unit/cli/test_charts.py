"""Sparklines and heat maps, as a person would draw them."""

import pytest

from cli.charts import heat_style, sparkline


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([1, 2, 3, 4, 5, 6, 7, 8], "▂▃▄▅▆▇██"),
        ([0, 100], "▁█"),
        ([0.0, None, 3.5, 7.0], "▁·▅█"),
        ([5, 5], "██"),
        ([0, 0], "▁▁"),
        ([None], "·"),
        ([-4, 0, 4], "▁▅█"),
        ([-1], "▁"),
    ],
)
def test_a_block_for_each_value(values: list[float | None], line: str) -> None:
    assert sparkline(values) == line


def test_more_is_darker() -> None:
    # Each eighth has its colour, and the last one includes its end.
    styles = [heat_style(share) for share in (0, 0.13, 0.26, 0.38, 0.51, 0.63, 0.76, 0.88)]
    assert len(set(styles)) == 8
    assert heat_style(0.12) == styles[0]
    assert heat_style(1) == styles[-1]
