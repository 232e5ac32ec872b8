"""`weir import` of a real log, again and again, and what the numbers say afterwards."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from redis import Redis

from suite.supervisor import Suite
from tests.support.environment import without_settings
from tests.support.imports import MAPPING, import_file, stored_times
from tests.support.repository import REPOSITORY
from tests.support.waiting import eventually
from tests.support.weir_command import started, weir, weir_process

pytestmark = pytest.mark.xdist_group("e2e import")

NAME = "gamelaunch.csv.gz"
FOLDERS = (Path(os.environ.get("WEIR_TEST_DATA", "")), REPOSITORY.parent / "shared" / "data")
# From the table that the data set's package publishes: first seen, active after 0, 1, 2... days.
PUBLISHED = {
    "2016-04-27": [96, 65, 55, 46, 46, 45, 44, 33, 34, 31, 26],
    "2016-04-28": [200, 117, 96, 84, 82, 76, 62, 72, 63, 52, 59],
    "2016-04-29": [370, 207, 181, 152, 138, 127, 114, 98, 95, 89, 84],
    "2016-04-30": [387, 223, 177, 151, 129, 122, 107, 115, 114, 86, 88],
    "2016-05-01": [405, 222, 178, 152, 130, 131, 128, 103, 86, 98, 84],
    "2016-05-06": [127, 74, 58, 51, 42, 42, 50, 41, 42, 40, 32],
}


@pytest.fixture(scope="module")
def suite(import_suite: Suite) -> Suite:
    return import_suite


@pytest.fixture(scope="module")
def log_file() -> Path:
    for folder in FOLDERS:
        if (folder / NAME).is_file():
            return folder / NAME
    pytest.skip(f"{NAME} is in neither WEIR_TEST_DATA nor ../shared/data: it is not part of Weir")


def _cohorts(suite: Suite) -> list[dict[str, Any]]:
    finished = weir(
        suite.home.path, "query", "cohorts", "--app", "gamelaunch", "--period", "day", "--json"
    )
    assert finished.returncode == 0, finished.stderr
    answer = json.loads(finished.stdout)
    assert answer["sampling_rate"] == 1
    # How far each number can be relied on depends on when the watermark was last measured.
    return [
        {name: cohort[name] for name in ("start", "size", "active")} for cohort in answer["cohorts"]
    ]


def _recount(log_file: Path) -> list[dict[str, Any]]:
    """The cohorts, from the file alone."""
    days: defaultdict[str, set[date]] = defaultdict(set)
    with gzip.open(log_file, "rt") as stream:
        for row in csv.DictReader(stream):
            days[row["userid"]].add(date.fromisoformat(row["eventDate"]))
    newest = max(max(active) for active in days.values())
    firsts: defaultdict[date, list[set[date]]] = defaultdict(list)
    for active in days.values():
        firsts[min(active)].append(active)
    return [
        {
            "start": start.isoformat(),
            "size": len(people),
            "active": [
                sum(start + timedelta(days=k) in active for active in people)
                for k in range((newest - start).days + 1)
            ],
        }
        for start, people in sorted(firsts.items())
    ]


def _stored(suite: Suite, app_id: str) -> int:
    with psycopg.connect(suite.addresses.database_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM enrich.events WHERE app_id = %s", [app_id]
        ).fetchone()
    assert row is not None
    return int(row[0])


def _forget_ids(suite: Suite) -> None:
    """What the end of the dedupe window does."""
    with Redis.from_url(suite.addresses.redis_url) as redis:
        keys = list(redis.scan_iter("ingest:*seen*"))
        assert keys
        redis.delete(*keys)


def test_a_real_month_gives_the_published_cohorts_however_often_it_is_imported(
    suite: Suite, log_file: Path
) -> None:
    first = import_file(suite, log_file, "--app", "gamelaunch", *MAPPING)
    assert (first["rows"], first["accepted"], first["counted"]) == (29_324, 29_324, 29_324)
    # And a header.
    assert first["lines"] == 29_325
    cohorts = _cohorts(suite)
    assert len(cohorts) == 31
    assert cohorts == _recount(log_file)
    active = {cohort["start"]: cohort["active"] for cohort in cohorts}
    assert {start: active[start][:11] for start in PUBLISHED} == PUBLISHED
    assert sum(cohort["size"] for cohort in cohorts) == 3_994

    second = import_file(suite, log_file, "--app", "gamelaunch", *MAPPING)
    assert (second["duplicate"], second["accepted"]) == (29_324, 0)

    _forget_ids(suite)
    third = import_file(suite, log_file, "--app", "gamelaunch", *MAPPING)
    assert (third["accepted"], third["counted"], third["stored_before"]) == (29_324, 0, 29_324)

    assert _cohorts(suite) == cohorts
    assert _stored(suite, "gamelaunch") == 29_324


def test_equal_rows_are_as_many_events_and_again_nothing_new(suite: Suite, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "when;what;who;content;seconds\n"
        "2026-04-27T10:00:00Z;view;u1;post;1.5\n"
        "2026-04-27T10:00:00Z;view;u1;post;1.5\n"
        "2026-04-27T10:00:00Z;view;u2;post;\n"
    )
    options = (
        "--app", "social_live", "--map", "occurred_at=when", "--map", "name=what",
        "--map", "subject_id=who", "--map", "properties.contentType=content",
        "--map", "properties.viewDuration=seconds", "--set", "properties.contentId=p1",
        "--set", "entity.type=post",
    )  # fmt: skip
    assert import_file(suite, log, *options)["accepted"] == 3
    # The same rows in another file, packed and in another order.
    again = tmp_path / "other.gz"
    header, *rows = log.read_text().splitlines()
    again.write_bytes(gzip.compress("\n".join([header, *reversed(rows)]).encode()))
    result = import_file(suite, again, *options)
    assert (result["duplicate"], result["accepted"]) == (3, 0)
    finished = weir(
        suite.home.path, "query", "rollup", "--app", "social_live", "--rollup", "views", "--json"
    )
    assert finished.returncode == 0, finished.stderr
    for number in ('"views": 3', '"viewers": 2', '"avg_view_duration": 1.5'):
        assert number in finished.stdout.replace(".0,", ",").replace(".0}", "}")


def _orders(*customers: str) -> str:
    rows = [f"{number},{who},2016-05-02\n" for number, who in enumerate(customers, start=10)]
    return "".join(["order,customer,day\n", *rows])


@pytest.mark.parametrize(
    ("person", "options", "stored"),
    [
        # The second order of `a` that day, in another file, has the same content as the first.
        ("content", (), 4),
        ("file", ("--id-from", "file-content"), 6),
        ("row", ("--id-from", "file-row"), 6),
        ("order", ("--map", "event_id=order"), 6),
    ],
)
def test_equal_orders_in_two_files(
    suite: Suite, tmp_path: Path, person: str, options: tuple[str, ...], stored: int
) -> None:
    """Six orders, two of them with the same customer and day in two files."""
    first, second = tmp_path / "monday.csv", tmp_path / "tuesday.csv"
    one, two, three = (f"{person}-{name}" for name in "abc")
    first.write_text(_orders(one, one, two))
    second.write_text(_orders(one, two, three).replace("\n1", "\n2"))
    arguments = (
        "--app", "gamelaunch", "--set", "name=gameStarted", "--map", "player_id=customer",
        "--map", "occurred_at=day", *options,
    )  # fmt: skip
    assert import_file(suite, first, *arguments)["accepted"] == 3
    finished = weir(suite.home.path, "import", str(second), *arguments)
    assert finished.returncode == 0
    duplicates = 6 - stored
    assert ("--map event_id=COLUMN" in finished.stdout) == (duplicates > 0)
    assert (f"mostly duplicates: {duplicates} of 3 rows" in finished.stdout) == (duplicates > 0)
    for file in (first, second):
        again = import_file(suite, file, *arguments)
        assert (again["accepted"], again["duplicate"]) == (0, 3)
    _forget_ids(suite)
    for file in (first, second):
        again = import_file(suite, file, *arguments)
        assert (again["counted"], again["stored_before"] + again["duplicate"]) == (0, 3)
        assert "mostly duplicates: 3 of 3 rows" in again["notes"][-1]
    assert len(stored_times(suite, f"{person}-")) == stored


def test_standard_input_has_no_name(suite: Suite) -> None:
    finished = weir(
        suite.home.path, "import", "-", "--app", "gamelaunch", *MAPPING, "--id-from", "file-row"
    )
    assert finished.returncode == 2
    assert "has no name" in finished.stderr


def test_an_import_that_is_interrupted_says_so_and_goes_on_when_repeated(suite: Suite) -> None:
    rows = [f"cut-{number},2016-05-03,gameStarted\n" for number in range(600)]
    log = "".join(["userid,eventDate,eventName\n", *rows])
    arguments = ("import", "-", "--app", "gamelaunch", *MAPPING)
    command = [sys.executable, "-m", "cli.main", *arguments]
    environment = {**without_settings(), "WEIR_HOME": str(suite.home.path)}
    options = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(command, environment, **options) as process:
        assert process.stdin is not None
        process.stdin.write(log)
        process.stdin.flush()
        # A full frame of 500 is sent; the rest waits for more input.
        eventually(lambda: len(stored_times(suite, "cut-")) == 500)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "interrupted: 500 of 600 rows that were read have a verdict" in said
    again = weir_process(suite.home.path, *arguments, "--json", stdin=log.encode())
    result = json.loads(again.stdout)
    assert (result["duplicate"], result["accepted"]) == (500, 100)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.csv", "--app", "gamelaunch", *MAPPING), "No such file"),
        (("log.csv", "--app", "gamelunch", *MAPPING), "did you mean `gamelaunch`"),
        (("log.csv", "--app", "gamelaunch"), "`name` needs a column"),
        (("log.csv", "--app", "gamelaunch", *MAPPING), "no column eventDate"),
    ],
)
def test_wrong_usage_is_said_in_one_line(
    suite: Suite, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "log.csv").write_text("userid,eventName,day\n1,gameStarted,2026-04-28\n")
    file, *options = arguments
    finished = weir(suite.home.path, "import", str(tmp_path / file), *options)
    assert finished.returncode == 2
    assert words in finished.stderr
    assert "Traceback" not in finished.stderr


def test_without_a_suite_it_says_how_to_start_one(tmp_path: Path) -> None:
    finished = weir(tmp_path, "import", "-", "--app", "gamelaunch", *MAPPING)
    assert finished.returncode == 1
    assert "weir up" in finished.stderr
