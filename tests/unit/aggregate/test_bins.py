"""Histograms and what is read from them, worked out by hand."""

import random
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregate.bins import binned, lower_bound, quantile

NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False)
)


def answer(at: float, *numbers: int | float) -> float | None:
    return quantile(binned(numbers), at, float(min(numbers)), float(max(numbers)))


@pytest.mark.parametrize(
    ("at", "expected"), [(0.5, 50), (0.9, 90), (0.07, 7), (0.01, 1), (0.0, 1), (1.0, 100)]
)
def test_quantiles_of_1_to_100_are_exact(at: float, expected: float) -> None:
    numbers = list(range(1, 101))
    random.Random(8).shuffle(numbers)
    assert answer(at, *numbers) == expected


def test_a_number_is_rounded_towards_zero_to_eight_binary_digits() -> None:
    # 1,001 is 1111101001 in binary digits: of these the first eight are 1111101000, 1,000.
    assert {lower_bound(int(number)) for number in binned([1001])} == {1000.0}
    assert {lower_bound(int(number)) for number in binned([-1001])} == {-1000.0}
    # Between 1,000 and 1,003 in one bin, 1,004 is the next.
    assert sorted(binned([1000, 1003, 1003.9, 1004]).values()) == [1, 3]


def test_an_answer_is_between_the_least_and_the_greatest_number() -> None:
    assert answer(0.5, 1001) == 1001
    assert answer(0.5, -1001) == -1001
    assert answer(0.5, 1001, 1002, 1003) == 1001


def test_negative_numbers_and_both_zeros_are_in_their_order() -> None:
    assert binned([0, 0.0, -0.0, 5e-324]) == {"0": 4}
    numbers = [-3, -2.5, -0.0, 0, 7]
    assert [answer(at, *numbers) for at in (0.2, 0.4, 0.6, 0.8, 1.0)] == [-3, -2.5, 0, 0, 7]


def test_without_numbers_there_is_no_quantile() -> None:
    assert quantile({}, 0.5, None, None) is None


def test_a_histogram_is_bounded() -> None:
    rng = random.Random(9)
    every = [
        rng.choice((-1, 1)) * rng.uniform(1, 2) * 2.0 ** rng.randint(-1022, 1022)
        for _ in range(9_999)
    ]
    # 128 for each of 96 powers of two, and one for all beyond, of both signs; and zero.
    bound = 2 * (96 * 128 + 1) + 1
    dense = [
        sign * (1 + step / 128) * 2.0**power
        for sign in (-1, 1)
        for power in range(-1022, 1023)
        for step in range(128)
    ]
    assert len(binned(dense)) == bound
    assert binned([*dense, *every]).keys() == binned(dense).keys()


def test_numbers_beyond_the_bins_are_in_those_at_the_edges() -> None:
    # The exponent of 2**64 is 1023 + 64, as 7 bits of significand follow it: 139136; the sign is 262144.
    assert binned([2**64, 2.0**65, 1e300, -(2**64), -1e300]) == {"139136": 3, "401280": 2}
    assert binned([2**-32, -(2**-32)]) == {"126848": 1, "388992": 1}
    assert binned([2**-33, -1e-12, 0, 1e-300]) == {"0": 4}
    numbers = [-1e30, -1e-12, 1e-12, 1e29, 1e30]
    assert [answer(at, *numbers) for at in (0.2, 0.4, 0.6, 0.8, 1.0)] == [
        -(2.0**64),
        0,
        0,
        2.0**64,
        2.0**64,
    ]
    # Never beyond the least and the greatest number.
    assert (answer(0.5, 1e30), answer(0.5, -1e30), answer(0.5, 1e-12)) == (1e30, -1e30, 1e-12)


@given(st.lists(NUMBERS, min_size=1, max_size=40), st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
def test_the_error_is_less_than_a_128th(numbers: list[int | float], at: float) -> None:
    exact = float(sorted(numbers)[max(1, ceil(at * len(numbers))) - 1])
    found = answer(at, *numbers)
    assert found is not None
    if abs(exact) < 2**64:
        assert abs(found - exact) <= max(abs(exact) / 128, 2**-32)
    else:
        assert 2**64 <= abs(found) <= abs(exact)
