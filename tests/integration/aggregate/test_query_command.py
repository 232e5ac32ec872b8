"""`weir query` against a running service."""

import asyncio
import csv
import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.commands.query import app
from tests.integration.aggregate.conftest import Aggregate, Stores
from tests.support.aggregate_batches import entry, event
from tests.support.arena_catalog import APP
from tests.support.waiting import until


async def run(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, arguments))


async def final_cohorts(*arguments: str) -> dict[str, Any]:
    """The answer, once a watermark was measured that makes each of its points final."""

    async def answered() -> dict[str, Any]:
        found: dict[str, Any] = json.loads((await run(*arguments, "--json")).stdout)
        return found

    async def is_final() -> bool:
        cohorts = (await answered())["cohorts"]
        return all(set(cohort["completeness"]) == {"final"} for cohort in cohorts)

    await until(is_final)
    return await answered()


async def test_numbers_and_cohorts(stores: Stores, home: Path) -> None:
    stores.send(
        entry(
            event(player="ann", guild="g1", properties={"score": 2.5, "mode": "duel"}),
            event(player="bob", guild="g2", properties={"mode": None}),
            event("match.left", "2026-04-29T12:00:00", player="ann"),
        )
    )
    await stores.until_drained()

    where = ("--where", "guild_id=g1")
    found = await run("rollup", "--app", APP, "--rollup", "matches", *where, "--json")
    numbers = {"best": 2.5, "matches": 1, "mean": 2.5, "players": 1, "score": 2.5, "worst": 2.5}
    [cell] = json.loads(found.stdout)["cells"]
    # Whether it is final depends on when the watermark was first measured.
    assert cell.pop("completeness") in ("final", "provisional")
    assert cell == {
        "bucket_start": "2026-04-27T00:00:00Z",
        "bucket_end": "2026-05-04T00:00:00Z",
        "dimensions": {"guild_id": "g1", "mode": "duel"},
        "metrics": numbers,
    }
    missing = await run("rollup", "--app", APP, "--rollup", "matches", "--where", "mode=", "--json")
    [cell] = json.loads(missing.stdout)["cells"]
    assert cell["dimensions"] == {"guild_id": "g2", "mode": None}
    table = await run("rollup", "--app", APP, "--rollup", "events", "--from", "2026-04-28")
    assert "match.left" in table.stdout
    assert "match.ended" not in table.stdout

    answer = await final_cohorts("cohorts", "--app", APP, "--period", "day")
    points = {"active": [2, 0, 1], "completeness": ["final"] * 3}
    assert answer["cohorts"] == [{"start": "2026-04-27", "size": 2, **points}]
    assert (answer["sampling_rate"], answer["cut"]) == (1, None)
    assert "2026-04-27" in (await run("cohorts", "--app", APP, "--period", "day")).stdout


async def test_no_column_is_lost_without_a_word(
    stores: Stores, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three people on one day; one of them is back on the 2nd day after it, two on the 20th."""
    people = [event("match.left", player=player) for player in ("ann", "bob", "cat")]
    back = [("ann", "2026-04-29"), ("ann", "2026-05-17"), ("bob", "2026-05-17")]
    stores.send(
        entry(*people, *(event("match.left", f"{day}T12:00:00", player=who) for who, day in back))
    )
    await stores.until_drained()
    cohorts = ("cohorts", "--app", APP, "--period", "day")
    await final_cohorts(*cohorts)

    # 29 columns of the terminal for the day and the people, 5 for each period: 7 of 20 fit.
    monkeypatch.setenv("COLUMNS", "66")
    narrow = await run(*cohorts)
    later = ", ".join(f"+{k}" for k in range(8, 21))
    assert narrow.stderr == f"13 columns do not fit: {later}; --json and --csv have all\n"
    assert _titles(narrow.stdout)[-1] == "+7"
    # A pipe has no width.
    monkeypatch.delenv("COLUMNS")
    piped = await run(*cohorts)
    assert piped.stderr == ""
    assert _titles(piped.stdout) == ["first seen (day)", "people", *(f"+{k}" for k in range(1, 21))]

    whole = await run(*cohorts, "--csv")
    header, row = whole.stdout.splitlines()
    completeness = [f"after_{k}_completeness" for k in range(21)]
    titles = ["first_seen", "people", *(f"after_{k}" for k in range(1, 21)), *completeness]
    assert header == ",".join(titles)
    assert row == "2026-04-27,3,0,1" + ",0" * 17 + ",2" + ",final" * 21
    shares = (await run(*cohorts, "--csv", "--percent")).stdout.splitlines()
    assert shares[0].endswith(",after_20_percent," + ",".join(completeness))
    assert shares[1] == "2026-04-27,3,0.0,33.3" + ",0.0" * 17 + ",66.7" + ",final" * 21
    [cohort] = json.loads((await run(*cohorts, "--json", "--percent")).stdout)["cohorts"]
    assert (cohort["size"], cohort["active"][2], cohort["percent"][2]) == (3, 1, 33.3)
    assert " 66.7 " in (await run(*cohorts, "--percent")).stdout

    monkeypatch.setenv("COLUMNS", "40")
    cells = await run("rollup", "--app", APP, "--rollup", "matches")
    assert (cells.stdout, cells.stderr) == ("no cells\n", "")
    both = await run(*cohorts, "--csv", "--json")
    assert (both.exit_code, both.stderr) == (2, "--json and --csv: only one of them\n")
    rollup = ("rollup", "--app", APP, "--rollup", "matches")
    shape = await run(*rollup, "--shape", "document", "--csv")
    assert (shape.exit_code, shape.stderr) == (2, "--shape and --csv: only one of them\n")


async def test_metrics_that_do_not_fit_are_named_and_formulas_are_harmless_in_csv(
    stores: Stores, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formula = '=HYPERLINK("http://example.com")'
    stores.send(
        entry(
            event(player="ann", guild=formula, properties={"score": -2.5, "mode": "a,b"}),
            event(player="bob", guild="g2"),
        )
    )
    await stores.until_drained()
    rollup = ("rollup", "--app", APP, "--rollup", "matches")
    monkeypatch.setenv("COLUMNS", "70")
    table = await run(*rollup)
    # from (23), guild_id (19), mode (7), best (7) and matches (10) with their borders are 67.
    assert _titles(table.stdout) == ["from", "guild_id", "mode", "best", "matches"]
    assert table.stderr.startswith(
        "4 columns do not fit: mean, players, score, worst; --json and --csv have all\n"
    )
    rows = list(csv.DictReader(StringIO((await run(*rollup, "--csv")).stdout)))
    assert {row["guild_id"] for row in rows} == {f"'{formula}", "g2"}
    [ann] = [row for row in rows if row["guild_id"] != "g2"]
    assert (ann["mode"], ann["best"], ann["matches"], ann["score"]) == ("a,b", "-2.5", "1", "-2.5")
    [bob] = [row for row in rows if row["guild_id"] == "g2"]
    assert (bob["mode"], bob["best"], bob["matches"]) == ("", "", "1")


async def test_provisional_cells_are_marked(
    stores: Stores, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    days = [(now - timedelta(days=days)).date().isoformat() for days in (7, 0)]
    stores.send(entry(*(event(when=f"{day}T00:00:00", player="ann") for day in days)))
    await stores.until_drained()
    activity = ("rollup", "--app", APP, "--rollup", "activity")

    async def is_known() -> bool:
        return json.loads((await run(*activity, "--json")).stdout)["watermark"] is not None

    await until(is_known)
    table = await run(*activity)
    old, today = (line.split("│")[1].strip() for line in table.stdout.splitlines()[3:5])
    assert (old, today) == (f"{days[0]}T00:00:00Z", f"* {days[1]}T00:00:00Z")
    assert table.stderr == "* provisional: events of it may still come\n"
    rows = list(csv.DictReader(StringIO((await run(*activity, "--csv")).stdout)))
    assert [row["completeness"] for row in rows] == ["final", "provisional"]
    assert [row["from"] for row in rows] == [f"{day}T00:00:00Z" for day in days]
    drawn = await run(*activity, "--sparkline")
    assert "█······█" in drawn.stdout
    first, last = (f"{day}T00:00:00Z" for day in days)
    assert "│   *1 │" in drawn.stdout
    assert drawn.stderr == (
        f"8 days from {first} to {last}, a character each, · for no value\n"
        "* provisional: events of it may still come\n"
    )
    answer = json.loads((await run(*activity, "--to", f"{days[0]}T00:00", "--json")).stdout)
    assert (answer["completeness"], answer["cells"]) == ("final", [])
    answer = json.loads((await run(*activity, "--to", days[0], "--json")).stdout)
    assert len(answer["cells"]) == 1
    # Ann is back today, which is not over.
    cohorts = await run("cohorts", "--app", APP, "--period", "day")
    [row] = [line for line in cohorts.stdout.splitlines() if days[0] in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == [days[0], "1", *["0"] * 5, cells[-2], "*1"]
    assert cohorts.stderr == "* provisional: events of it may still come\n"


async def test_last_is_the_buckets_up_to_now(stores: Stores, home: Path) -> None:
    now = datetime.now(UTC)
    moments = [now - timedelta(days=days) for days in (9, 7, 0)]
    stores.send(entry(*(event(when=f"{when:%Y-%m-%dT%H:%M:%S}", player="ann") for when in moments)))
    await stores.until_drained()
    found = await run("rollup", "--app", APP, "--rollup", "activity", "--last", "7d", "--json")
    # From the bucket on that the moment seven days ago is in.
    starts = [cell["bucket_start"][:10] for cell in json.loads(found.stdout)["cells"]]
    assert starts == [when.date().isoformat() for when in moments[1:]]


async def test_a_watch_says_which_buckets_are_past(
    stores: Stores, aggregate: Aggregate, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    printed: list[str] = []
    monkeypatch.setattr("cli.commands.query_rollup.typer.echo", printed.append)
    watching = asyncio.create_task(run("watch", "--app", APP, "--rollup", "activity"))
    await until(lambda: stores.redis.pubsub_numpat())
    stores.send(entry(event(player="ann"), event(when=f"{now:%Y-%m-%dT%H:%M:%S}", player="ann")))
    today = f"{now:%Y-%m-%d}T00:00:00Z  activity  active_users=1"
    past = "2026-04-27T00:00:00Z  activity  (past day)  active_users=1"
    await until(lambda: {today, past} <= set(printed))
    aggregate.drain()
    assert (await watching).exit_code == 1


async def test_the_shape_of_the_document(stores: Stores, home: Path) -> None:
    """Section 7.2 of Unofficial Communities; 28 April 2026 is a Tuesday."""
    stores.send(
        entry(
            event(when="2026-04-28T10:00:00", player="ann", guild="g1", properties={"score": 2}),
            event(when="2026-04-28T23:59:59", player="bob", guild="g1", properties={"score": 3}),
        )
    )
    await stores.until_drained()

    async def shaped(rollup: str) -> dict[str, Any]:
        found = await run("rollup", "--app", APP, "--rollup", rollup, "--shape", "document")
        [aggregate] = json.loads(found.stdout)["aggregates"]
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", aggregate.pop("computed_at"))
        shape: dict[str, Any] = aggregate
        return shape

    assert await shaped("activity") == {
        "aggregate_type": "activity",
        "period_type": "daily",
        "period_start": "2026-04-28",
        "period_end": "2026-04-28",
        "dimensions": {},
        "metrics": {"active_users": 2},
    }
    week, month = await shaped("matches"), await shaped("scores")
    assert week["dimensions"] == {"guild_id": "g1", "mode": None}
    periods = ("period_type", "period_start", "period_end")
    assert [week[name] for name in periods] == ["weekly", "2026-04-27", "2026-05-03"]
    assert [month[name] for name in periods] == ["monthly", "2026-04-01", "2026-04-30"]
    hourly = await run("rollup", "--app", APP, "--rollup", "events", "--shape", "document")
    assert (hourly.exit_code, hourly.stderr) == (
        2,
        "--shape document: has dates, and events is by hour\n",
    )


async def test_a_condition_has_the_type_of_its_json(stores: Stores, home: Path) -> None:
    modes: tuple[object, ...] = 5, "5", "duel"
    stores.send(entry(*(event(properties={"mode": mode}) for mode in modes)))
    await stores.until_drained()
    matches = ("rollup", "--app", APP, "--rollup", "matches")
    for condition, mode in (("mode=5", 5), ('mode="5"', "5"), ("mode=duel", "duel")):
        [cell] = json.loads((await run(*matches, "--where", condition, "--json")).stdout)["cells"]
        assert cell["dimensions"]["mode"] == mode
    assert (await run(*matches, "--where", "mode=NaN")).stdout == "no cells\n"
    assert (await run(*matches, "--where", "mode=6")).stdout == (
        "no cells; to find mode sent as a text: --where 'mode=\"6\"'\n"
    )


@pytest.mark.parametrize("command", ["rollup", "cohorts"])
async def test_help_says_what_a_day_and_a_week_are(command: str) -> None:
    said = " ".join((await run(command, "--help")).stdout.split())
    assert "In UTC, a day begins at midnight, a week on Monday" in said


def _titles(table: str) -> list[str]:
    """The titles of a table's columns."""
    return [title.strip() for title in table.splitlines()[1].strip("┃").split("┃")]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("rollup", "--app", "chess", "--rollup", "events"),
            1,
            "APP_UNKNOWN: no catalog is loaded for this app; there are addvalue, ",
        ),
        (
            ("rollup", "--app", APP, "--rollup", "match"),
            1,
            "ROLLUP_UNKNOWN: the app's catalog declares no such rollup;"
            " there are activity, events, loot, matches, scores, watching\n",
        ),
        (
            ("watch", "--app", APP, "--rollup", "match"),
            1,
            "there are activity, events, loot, matches, scores, watching\n",
        ),
        (("rollup", "--app", APP, "--rollup", "events", "--where", "x"), 2, "dimension=value"),
        (("rollup", "--app", APP, "--rollup", "events", "--from", "soon"), 2, "--from soon"),
        (
            # 22:00 and 21:00 in UTC.
            (
                "cohorts",
                "--app",
                APP,
                "--period",
                "day",
                "--from",
                "2026-04-27T22:00",
                "--to",
                "2026-04-27T23:00+02:00",
            ),
            2,
            "--from 2026-04-27T22:00: is later than --to",
        ),
    ],
)
async def test_what_goes_wrong_is_one_line(
    home: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = await run(*arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


async def test_no_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    result = await run("cohorts", "--app", APP, "--period", "day")
    assert result.exit_code == 1
    assert "weir up" in result.stderr
