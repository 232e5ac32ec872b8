"""`make bench-queries` with 300,000 events, as a process: it builds, compares every answer and measures."""

import json
import subprocess
import sys

import pytest

from tests.support.repository import REPOSITORY

QUESTIONS = {"rollup_page", "personal_metric", "event_page", "funnel", "cohorts", "paths"}


# A minute alone, two and more beside other work.
@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_quick_run_ends_with_all_figures_of_equal_answers() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.bench.queries", "--quick"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=570,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    line = json.loads(run.stdout.splitlines()[-1])
    assert line["events"] == 300_000
    assert line["questions"].keys() >= QUESTIONS
    for asked in line["questions"].values():
        assert asked["weir"]["p50_ms"] > 0
        assert asked["duckdb"]["p50_ms"] > 0
    assert line["exports"].keys() == {"csv", "json_lines", "duckdb"}
    assert line["exports"]["csv"]["most_mb"] >= line["exports"]["csv"]["begun_mb"] > 0
    assert all(cost["rows_per_s"] > 0 for cost in line["copy"].values())
