"""Histograms, from which quantiles are read. They add up, in any order, and can be recounted in SQL. Pure.

A number's bin is the first 19 bits of its IEEE 754 double: sign, exponent, and 7 bits of the significand. The
bin's bound is so the number rounded towards zero to 8 significant binary digits: less than 1/128 of it
away, and the number itself for integers to 256.

There are no bins beyond 2**-32 and 2**64: numbers nearer to zero are in the bin of zero, greater ones, of
either sign, in the one that begins with 2**64. So a measure has at most 24,579 bins, whatever is sent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import ceil
from struct import pack, unpack

_DROPPED_BITS = 45
_SIGN = 1 << 18
_BINS = (1 << 19) - 1
_SMALLEST = (1023 - 32) << 7  # of 2**-32
_GREATEST = (1023 + 64) << 7  # of 2**64


def binned(numbers: Sequence[int | float]) -> dict[str, int]:
    """How many of the numbers are in each bin, by the bin's number as a text."""
    count = len(numbers)
    bits = unpack(f">{count}q", pack(f">{count}d", *numbers))
    found = Counter([each >> _DROPPED_BITS & _BINS for each in bits])
    for number in list(found):
        kept = _kept(number)
        if kept != number:
            found[kept] += found.pop(number)
    return {str(number): size for number, size in found.items()}


def _kept(number: int) -> int:
    magnitude = number & ~_SIGN
    return 0 if magnitude < _SMALLEST else number & _SIGN | min(magnitude, _GREATEST)


def quantile(
    bins: Mapping[str, int], at: float, minimum: float | None, maximum: float | None
) -> float | None:
    """The number that a share of `at` of all numbers does not exceed, rounded towards zero to the bounds of
    its bin; never beyond the least and the greatest number. None without numbers."""
    # Of the decimal that `at` was written as: 7 % of 100 numbers are 7.
    rank = max(1, ceil(Decimal(repr(at)) * sum(bins.values())))
    numbers = sorted(map(int, bins))
    if numbers and numbers[-1] >= _SIGN:
        # The bins of negative numbers, of which the greatest comes first.
        numbers.sort(key=lower_bound)
    for number in numbers:
        rank -= bins[str(number)]
        if rank <= 0:
            bound = lower_bound(number)
            if minimum is not None and bound < minimum:
                return minimum
            return maximum if maximum is not None and bound > maximum else bound
    return None


def lower_bound(number: int) -> float:
    """The number of a bin that is nearest to zero."""
    found: float = unpack(">d", (number << _DROPPED_BITS).to_bytes(8, "big"))[0]
    return found
