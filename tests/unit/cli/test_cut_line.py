"""What was left out of an answer, in words."""

import pytest
from weir.aggregate.v1 import reliability_pb2

from cli.reliability import cut_line


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("max_rows", 6, "4 are left out (rows shown: 6; see --rows)"),
        ("max_groups", 2, "4 are left out (groups shown: 2; see --groups)"),
        ("max_values", 1_000, "4 are left out (values at most: 1,000)"),
        ("least_people", 5, "4 are left out (groups have 5 people at least)"),
        ("retention", 365, "4 are left out (days kept: 365)"),
        # These have no value.
        ("sampling", 0, "4 are left out"),
        ("person", 0, "4 are left out"),
        # Of a newer service.
        ("max_somethings", 3, "4 are left out"),
    ],
)
def test_limits_have_no_internal_names(limit: str, value: int, words: str) -> None:
    cut = reliability_pb2.Cut(limit=limit, value=value, detail="4 are left out")
    assert cut_line(reliability_pb2.Reliability(cut=cut)) == words
