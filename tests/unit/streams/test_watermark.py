"""Until when everything is counted, from when what waited; all numbers by hand."""

import pytest

from libs.streams.watermark import ForwardedBatches


@pytest.mark.parametrize(
    ("measured", "uncounted", "expected"),
    [
        ([], None, None),
        # Nothing waits anywhere: the newest measurement holds.
        ([(100, 90), (200, 190)], None, 190),
        # A batch of 95 was stuck in enrich until after 200, and later ones were forwarded before it: an
        # uncounted entry of 250 may be that batch.
        ([(100, 90), (200, 95), (300, 290)], 250, 95),
        # One of the millisecond of a measurement may have been forwarded before it.
        ([(100, 90), (200, 95), (300, 290)], 200, 90),
        ([(100, 90), (200, 95), (300, 290)], 301, 290),
        # Forwarded before the first measurement: it may be of any age.
        ([(100, 90), (200, 95)], 100, None),
    ],
)
def test_what_waits_to_be_counted(
    measured: list[tuple[int, int]], uncounted: int | None, expected: int | None
) -> None:
    forwarded = ForwardedBatches()
    for moment, waiting in measured:
        forwarded.note(moment, waiting)
    assert forwarded.counted_ms(uncounted) == expected
