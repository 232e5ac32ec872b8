"""How often watchers are spoken to."""

import pytest

from services.aggregate.live.pace import pause_seconds


@pytest.mark.parametrize(
    ("least", "watchers", "pause"),
    [
        (0.02, 1, 0.02),
        (0.02, 5, 0.02),
        # 25 watchers, each every 100 ms, are 250 messages a second.
        (0.02, 25, 0.1),
        (0.02, 50, 0.2),
        (0.02, 200, 0.2),
        # An operator who wants fewer messages gets fewer.
        (1.0, 1, 1.0),
        (1.0, 200, 1.0),
    ],
)
def test_pauses_grow_with_the_watchers_up_to_a_limit(
    least: float, watchers: int, pause: float
) -> None:
    assert pause_seconds(least, watchers) == pytest.approx(pause)
