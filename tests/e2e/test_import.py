"""`weir import` on a real log and on awkward ones; what the numbers say afterwards."""

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

from libs.common.repository import REPOSITORY
from services.local import Suite
from tests.support.environment import without_settings
from tests.support.waiting import eventually
from tests.support.weir_command import started, weir

pytestmark = pytest.mark.xdist_group("e2e import")

NAME = "gamelaunch.csv.gz"
FOLDERS = (Path(os.environ.get("WEIR_TEST_DATA", "")), REPOSITORY.parent / "shared" / "data")
MAPPING = (
    "--map",
    "subject_id=userid",
    "--map",
    "occurred_at=eventDate",
    "--map",
    "name=eventName",
)
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
def log_file() -> Path:
    for folder in FOLDERS:
        if (folder / NAME).is_file():
            return folder / NAME
    pytest.skip(f"{NAME} is in neither WEIR_TEST_DATA nor ../shared/data: it is not part of Weir")


def _import(suite: Suite, file: Path | str, *options: str) -> dict[str, Any]:
    finished = weir(suite.home.path, "import", str(file), *options, "--json")
    assert finished.returncode == 0, finished.stderr
    result: dict[str, Any] = json.loads(finished.stdout)
    return result


def _cohorts(suite: Suite) -> list[dict[str, Any]]:
    finished = weir(
        suite.home.path, "query", "retention", "--app", "gamelaunch", "--period", "day", "--json"
    )
    assert finished.returncode == 0, finished.stderr
    answer = json.loads(finished.stdout)
    assert list(answer) == ["cohorts"]
    cohorts: list[dict[str, Any]] = answer["cohorts"]
    return cohorts


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
    first = _import(suite, log_file, "--app", "gamelaunch", *MAPPING)
    assert (first["rows"], first["accepted"], first["counted"]) == (29_324, 29_324, 29_324)
    # And a header.
    assert first["lines"] == 29_325
    cohorts = _cohorts(suite)
    assert len(cohorts) == 31
    assert cohorts == _recount(log_file)
    active = {cohort["start"]: cohort["active"] for cohort in cohorts}
    assert {start: active[start][:11] for start in PUBLISHED} == PUBLISHED
    assert sum(cohort["size"] for cohort in cohorts) == 3_994

    second = _import(suite, log_file, "--app", "gamelaunch", *MAPPING)
    assert (second["duplicate"], second["accepted"]) == (29_324, 0)

    _forget_ids(suite)
    third = _import(suite, log_file, "--app", "gamelaunch", *MAPPING)
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
    assert _import(suite, log, *options)["accepted"] == 3
    # The same rows in another file, packed and in another order.
    again = tmp_path / "other.gz"
    header, *rows = log.read_text().splitlines()
    again.write_bytes(gzip.compress("\n".join([header, *reversed(rows)]).encode()))
    result = _import(suite, again, *options)
    assert (result["duplicate"], result["accepted"]) == (3, 0)
    finished = weir(
        suite.home.path, "query", "metric", "--app", "social_live", "--rollup", "views", "--json"
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
    assert _import(suite, first, *arguments)["accepted"] == 3
    finished = weir(suite.home.path, "import", str(second), *arguments)
    assert finished.returncode == 0
    duplicates = 6 - stored
    assert ("--map event_id=COLUMN" in finished.stdout) == (duplicates > 0)
    assert (f"mostly duplicates: {duplicates} of 3 rows" in finished.stdout) == (duplicates > 0)
    for file in (first, second):
        again = _import(suite, file, *arguments)
        assert (again["accepted"], again["duplicate"]) == (0, 3)
    _forget_ids(suite)
    for file in (first, second):
        again = _import(suite, file, *arguments)
        assert (again["counted"], again["stored_before"] + again["duplicate"]) == (0, 3)
        assert "mostly duplicates: 3 of 3 rows" in again["notes"][-1]
    with psycopg.connect(suite.addresses.database_url) as connection:
        [row] = connection.execute(
            "SELECT count(*) FROM enrich.events WHERE subject_id LIKE %s", [f"{person}-%"]
        ).fetchall()
    assert row == (stored,)


def test_standard_input_has_no_name(suite: Suite) -> None:
    finished = weir(
        suite.home.path, "import", "-", "--app", "gamelaunch", *MAPPING, "--id-from", "file-row"
    )
    assert finished.returncode == 2
    assert "has no name" in finished.stderr


def _stored_times(suite: Suite, person: str) -> list[tuple[str, str]]:
    with psycopg.connect(suite.addresses.database_url) as connection:
        rows = connection.execute(
            "SELECT subject_id, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')"
            " FROM enrich.events WHERE subject_id LIKE %s ORDER BY occurred_at",
            [f"{person}%"],
        ).fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]


def test_a_german_export(suite: Suite, tmp_path: Path) -> None:
    log = tmp_path / "Spieler.csv"
    log.write_bytes(
        "Spieler;Zeitpunkt;Länge\n"
        "Jörg Müller;03.04.2024 14:05;1,5\n"
        '"Jörg; Groß";24.12.2024 00:30;"2,5"\n'
        "Jörg ohne Zeit;gestern;1\n".encode("latin-1")
    )
    options = (
        "--app", "gamelaunch", "--set", "name=gameStarted", "--map", "player_id=Spieler",
        "--map", "occurred_at=Zeitpunkt", "--map", "properties.length=Länge",
    )  # fmt: skip
    finished = weir(suite.home.path, "import", str(log), *options)
    assert finished.returncode == 2
    assert "say --encoding" in finished.stderr
    finished = weir(
        suite.home.path, "import", str(log), *options, "--encoding", "latin-1",
        "--timezone", "Europe/Berlin",
    )  # fmt: skip
    assert finished.returncode == 1
    assert "line 4: occurred_at: `gestern`" in finished.stdout
    # In Berlin it is two hours later than in UTC in April, and one in December.
    assert _stored_times(suite, "Jörg") == [
        ("Jörg Müller", "2024-04-03 12:05"),
        ("Jörg; Groß", "2024-12-23 23:30"),
    ]


def test_times_that_can_be_read_in_two_ways_are_refused(suite: Suite, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("who,day\ntwo-ways-1,03/04/2024\ntwo-ways-2,05/04/2024\n")
    options = (
        "--app", "gamelaunch", "--set", "name=gameStarted", "--map", "player_id=who",
        "--map", "occurred_at=day",
    )  # fmt: skip
    finished = weir(suite.home.path, "import", str(log), *options)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "`03/04/2024` (line 2) can be read in two ways" in finished.stderr
    assert '--time-format "%d/%m/%Y" or --time-format "%m/%d/%Y"' in finished.stderr
    # A pipe cannot be read twice, so each row says it.
    piped = weir(suite.home.path, "import", "-", *options, stdin=log.read_bytes())
    assert piped.returncode == 1
    assert piped.stdout.count("can be read in two ways") == 2
    assert _stored_times(suite, "two-ways") == []
    result = _import(suite, log, *options, "--time-format", "%d/%m/%Y")
    assert result["accepted"] == 2
    # A column in which one date decides needs no option.
    log.write_text("who,day\ntwo-ways-3,03/04/2024\ntwo-ways-4,25/04/2024\n")
    assert _import(suite, log, *options)["accepted"] == 2
    assert [time for _, time in _stored_times(suite, "two-ways")] == [
        "2024-04-03 00:00",
        "2024-04-03 00:00",
        "2024-04-05 00:00",
        "2024-04-25 00:00",
    ]


def test_an_import_that_is_interrupted_says_so_and_goes_on_when_repeated(suite: Suite) -> None:
    rows = [f"cut-{number},2016-05-03,gameStarted\n" for number in range(600)]
    log = "".join(["userid,eventDate,eventName\n", *rows])
    command = [
        sys.executable,
        "-m",
        "libs.cli.main",
        "import",
        "-",
        "--app",
        "gamelaunch",
        *MAPPING,
    ]
    environment = {**without_settings(), "WEIR_HOME": str(suite.home.path)}
    options = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(command, environment, **options) as process:
        assert process.stdin is not None
        process.stdin.write(log)
        process.stdin.flush()
        # A full frame of 500 is sent; the rest waits for more input.
        eventually(lambda: len(_stored_times(suite, "cut-")) == 500)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "interrupted: 500 of 600 rows that were read have a verdict" in said
    again = weir(
        suite.home.path,
        "import",
        "-",
        "--app",
        "gamelaunch",
        *MAPPING,
        "--json",
        stdin=log.encode(),
    )
    result = json.loads(again.stdout)
    assert (result["duplicate"], result["accepted"]) == (500, 100)


def _stray_quote(number: int) -> str:
    quote = '"' if number == 1_500 else ""
    return f"{quote}stray-{number},2016-05-01,gameStarted\n"


def test_an_unbalanced_quote_costs_one_row(suite: Suite, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    rows = "".join(_stray_quote(number) for number in range(1, 4_001))
    log.write_text(f"userid,eventDate,eventName\n{rows}")
    finished = weir(suite.home.path, "import", str(log), "--app", "gamelaunch", *MAPPING, "--json")
    assert finished.returncode == 1
    result = json.loads(finished.stdout)
    assert (result["lines"], result["rows"]) == (4_001, 4_000)
    assert (result["accepted"], result["unusable"], result["counted"]) == (3_999, 1, 3_999)
    assert [problem["line"] for problem in result["problems"]] == [1_501]
    allowed = weir(
        suite.home.path, "import", str(log), "--app", "gamelaunch", *MAPPING, "--allow-rejected"
    )
    assert allowed.returncode == 0
    assert "4,001 lines read: 4,000 rows, 1 header or blank line" in allowed.stdout
    assert "line 1501: a quoted field that begins here" in allowed.stdout


def test_a_header_that_cannot_be_read_is_an_error(suite: Suite, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_bytes(b"userid\reventDate,eventName\n1,2016-05-01,gameStarted\n")
    finished = weir(suite.home.path, "import", str(log), "--app", "gamelaunch", *MAPPING)
    assert finished.returncode == 2
    assert "carriage return" in finished.stderr
    assert "Traceback" not in finished.stderr
    log.with_suffix(".csv.gz").write_bytes(gzip.compress(b"userid\n" * 9_999)[:-40])
    broken = weir(suite.home.path, "import", f"{log}.gz", "--app", "gamelaunch", *MAPPING)
    assert broken.returncode == 2
    assert "Traceback" not in broken.stderr


def test_rows_without_a_person_and_unknown_events_are_reported(
    suite: Suite, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "userid,eventDate,eventName\n"
        "w1,2016-05-01,gameStarted\n"
        ",2016-05-01,gameStarted\n"
        ",2016-05-02,gameStarted\n"
        "w1,2016-05-02,gameStart\n"
        "w1,2016-05-03,gameStart\n"
        "w1,2016-05-03,gameOver\n"
    )
    finished = weir(suite.home.path, "import", str(log), "--app", "gamelaunch", *MAPPING)
    assert finished.returncode == 1
    assert "2 rows name no person" in finished.stdout
    assert "3 rows of events that the catalog does not declare" in finished.stdout
    assert "gameStart (2; did you mean `gameStarted`), gameOver (1)" in finished.stdout
    again = weir(suite.home.path, "import", str(log), "--app", "gamelaunch", *MAPPING, "--json")
    result = json.loads(again.stdout)
    assert result["without_person"] == 2
    assert result["unknown_events"] == {"gameStart": 2, "gameOver": 1}


def test_one_name_for_all_rows_and_the_app_s_word_for_the_person(
    suite: Suite, tmp_path: Path
) -> None:
    log = tmp_path / "log.csv"
    log.write_text("who,day\nword-1,2016-05-01\nword-2,2016-05-01\n")
    result = _import(
        suite, log, "--app", "gamelaunch", "--set", "name=gameStarted",
        "--map", "player_id=who", "--map", "occurred_at=day",
    )  # fmt: skip
    assert (result["accepted"], result["without_person"]) == (2, 0)
    with psycopg.connect(suite.addresses.database_url) as connection:
        stored = connection.execute(
            "SELECT subject_id FROM enrich.events WHERE subject_id LIKE 'word-%' ORDER BY 1"
        ).fetchall()
    assert stored == [("word-1",), ("word-2",)]


def test_rows_that_cannot_be_sent_are_listed_and_the_others_go_on(
    suite: Suite, tmp_path: Path
) -> None:
    log = tmp_path / "log.ndjson"
    log.write_text(
        '{"t": "2026-04-28", "e": "gameStarted", "p": "z1"}\n'
        '{"t": "yesterday", "e": "gameStarted", "p": "z1"}\n'
        "\n"
        '{"t": "2026-04-28", "p": "z1"}\n'
        '{"t": "2026-04-28", "e": "gameEnded", "p": "z1"}\n'
        '{"t": "2026-04-28", "e": "gameStarted", "p": ["z1"]}\n'
        '{"t": "2026-04-28", "e": "gameStarted", "p": 5}\n'
    )
    finished = weir(
        suite.home.path, "import", str(log), "--app", "gamelaunch", "--json",
        "--map", "occurred_at=t", "--map", "name=e", "--map", "subject_id=p",
    )  # fmt: skip
    assert finished.returncode == 1
    result = json.loads(finished.stdout)
    assert (result["lines"], result["rows"]) == (7, 6)
    assert (result["accepted"], result["rejected"]) == (2, 1)
    assert result["unusable"] == 3
    problems = {problem["line"]: problem for problem in result["problems"]}
    assert sorted(problems) == [2, 4, 5, 6]
    assert problems[5]["reason"] == "EVENT_UNKNOWN"
    assert problems[2]["field"] == "occurred_at"
    assert "`yesterday`" in problems[2]["message"]
    assert "--time-format" in problems[2]["message"]
    assert "name" in problems[4]["message"]


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
