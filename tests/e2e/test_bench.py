"""The bench runs to its end and prints what was asked for; how fast anything is, no test says."""

import json
import subprocess
import sys

import pytest

from tests.support.environment import without_settings
from tests.support.repository import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bench"), pytest.mark.timeout(600)]
SERVICES = {"ingest", "enrich", "aggregate", "privacy"}


def test_the_last_line_has_every_figure() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick"],
        env=without_settings(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    figures = json.loads(finished.stdout.splitlines()[-1])
    rates = (
        *("end_to_end_events_per_s", "raw_copy_rows_per_s", "end_to_end_ratio"),
        *("check_consent_per_s", "echo_per_s", "check_consent_ratio", "batch_checks_per_s"),
        *("live_p99_ms", "stored_p99_ms", "live_p99_ms_light", "stored_p99_ms_light"),
        *("track_p99_ms", "echo_p99_ms_128", "fsync_ms", "track_p99_ratio", "redis_bytes_per_id"),
    )
    assert all(figures[name] > 0 for name in rates)
    for by_service in (figures["cpu_us_per_event"], figures["rss_mb"]):
        assert by_service.keys() >= SERVICES
    # A number of each size, or null if the packages of the extra `bench` are not installed.
    assert figures["by_hand_ratio"].keys() == {"1", "10", "100", "500"}
    assert figures["small_batches"].keys() == {"1", "1_128_callers", "10", "100", "500"}
    for sizes in figures["small_batches"].values():
        assert all(figure > 0 for figure in sizes.values())
