"""Jobs and results by name: which form of a name means which job, and what is said if there is none."""

import pytest

from services.aggregate.results.convert import result_unknown
from services.aggregate.results.model import name_in_catalog


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("daily", "daily"),
        ("aggregate.arena.daily", "daily"),
        # Of another app.
        ("aggregate.golf.daily", "aggregate.golf.daily"),
    ],
)
def test_both_forms_of_a_name(name: str, found: str) -> None:
    assert name_in_catalog("arena", name) == found


def test_a_job_that_has_not_written_anything() -> None:
    assert str(result_unknown("daily", [])) == "the job has no result yet"
