"""`weir import` of files that are written in awkward ways, and of rows that cannot be read."""

import gzip
import json
from pathlib import Path

import pytest

from suite.supervisor import Suite
from tests.support.imports import MAPPING, import_file, stored_times
from tests.support.weir_command import weir, weir_process

pytestmark = pytest.mark.xdist_group("suite")


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
    assert stored_times(suite, "Jörg") == [
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
    piped = weir_process(suite.home.path, "import", "-", *options, stdin=log.read_bytes())
    assert piped.returncode == 1
    undecided = "found out only for a file whose first time is such a date"
    assert piped.stdout.count(undecided) == 2
    # Nor is a file read twice whose first time says by itself what it is.
    mixed = tmp_path / "mixed.csv"
    mixed.write_text("who,day\nmixed-1,2024-04-03\nmixed-2,05/04/2024\n")
    finished = weir(suite.home.path, "import", str(mixed), *options)
    assert finished.returncode == 1
    assert "line 3: occurred_at: `05/04/2024`: whether" in finished.stdout
    assert undecided in finished.stdout
    assert len(stored_times(suite, "mixed-")) == 1
    assert stored_times(suite, "two-ways") == []
    result = import_file(suite, log, *options, "--time-format", "%d/%m/%Y")
    assert result["accepted"] == 2
    # A column in which one date decides needs no option.
    log.write_text("who,day\ntwo-ways-3,03/04/2024\ntwo-ways-4,25/04/2024\n")
    assert import_file(suite, log, *options)["accepted"] == 2
    assert [time for _, time in stored_times(suite, "two-ways")] == [
        "2024-04-03 00:00",
        "2024-04-03 00:00",
        "2024-04-05 00:00",
        "2024-04-25 00:00",
    ]


def test_a_time_that_is_the_same_for_all_rows(suite: Suite, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("who\nsame-time-1\nsame-time-2\n")
    result = import_file(
        suite, log, "--app", "gamelaunch", "--set", "name=gameStarted", "--map", "player_id=who",
        "--set", "occurred_at=3 April 2024",
    )  # fmt: skip
    assert result["accepted"] == 2
    assert {time for _, time in stored_times(suite, "same-time")} == {"2024-04-03 00:00"}


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
        "  ,2016-05-02,gameStarted\n"
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
    result = import_file(
        suite, log, "--app", "gamelaunch", "--set", "name=gameStarted",
        "--map", "player_id=who", "--map", "occurred_at=day",
    )  # fmt: skip
    assert (result["accepted"], result["without_person"]) == (2, 0)
    assert [person for person, _ in stored_times(suite, "word-")] == ["word-1", "word-2"]


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
        "--map", "session_id=who.id",
    )  # fmt: skip
    assert finished.returncode == 1
    result = json.loads(finished.stdout)
    [note] = [note for note in result["notes"] if note.startswith("no line has ")]
    assert note.startswith("no line has `who.id`:")
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
