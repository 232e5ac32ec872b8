"""What `weir query funnel`, `paths` and `segments` print with --json and --csv: worked out by hand."""

import asyncio
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cli.commands.query import app
from tests.integration.aggregate.conftest import Stores
from tests.support.arena_catalog import APP
from tests.support.behaviour import Done, rows_of
from tests.support.stored_events import store

# Hours of the second of March 2026: six people end a match, and five of them leave two hours later.
EVENTS = [
    *(Done(f"p{number}", "match.ended", 10, "x") for number in range(6)),
    *(Done(f"p{number}", "match.left", 12, "x") for number in range(5)),
]
DAY = ("--app", APP, "--from", "2026-03-02", "--to", "2026-03-02")
TIME = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z"}


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, (*arguments, *DAY)))


async def answered(*arguments: str) -> dict[str, Any]:
    """The answer, after what all of them say of how far they can be relied on, and of their time."""
    found: dict[str, Any] = json.loads((await run(*arguments, "--json")).stdout)
    # Whether it is final depends on when the watermark was first measured.
    assert found.pop("completeness") in ("final", "provisional")
    assert found.pop("calculated_at") > "2026"
    found.pop("watermark")
    assert (found.pop("sampling_rate"), found.pop("cut"), found.pop("time")) == (1, None, TIME)
    return found


async def test_each_says_its_time_and_how_far_it_can_be_relied_on(
    stores: Stores, home: Path
) -> None:
    store(stores.database_url, rows_of(EVENTS))
    steps = ("--step", "match.ended", "--step", "match.left[country = DE]")
    funnel = await answered("funnel", *steps)
    assert [(step["label"], step["people"]) for step in funnel["steps"]] == [
        ("match.ended", 6),
        ("match.left[country = DE]", 5),
    ]
    assert funnel["steps"][1]["median_from_previous_seconds"] == 7_200
    assert funnel.keys() == {"steps", "groups"}
    assert funnel["groups"] == []

    paths = await answered("paths", "--after", "match.ended", "--depth", "1", "--gap", "3h")
    first = {"step": 1, "event": "match.ended"}
    assert paths == {
        "paths": 6,
        "rows": [
            {**first, "next": "match.left", "count": 5, "people": 5},
            {**first, "next": None, "count": 1, "people": 1},
        ],
    }

    segment = await answered("segments", "--rule", "match.ended >= 1")
    assert segment == {
        "people": 6,
        "active_people": 6,
        "share": 1,
        "least_people": 5,
        "groups": [],
    }


async def test_the_same_as_csv(stores: Stores, home: Path) -> None:
    store(stores.database_url, rows_of(EVENTS))

    async def lines(*arguments: str) -> list[str]:
        return (await run(*arguments, "--csv")).stdout.splitlines()

    assert await lines("funnel", "--step", "match.ended", "--step", "match.left") == [
        "step,people,rate_of_first_percent,rate_of_previous_percent,"
        "median_from_previous_seconds,p90_from_previous_seconds",
        "match.ended,6,100.0,,,",
        "match.left,5,83.3,83.3,7200,7200",
    ]
    assert await lines("paths", "--after", "match.ended", "--depth", "1", "--gap", "3h") == [
        "step,event,next,count,people",
        "1,match.ended,match.left,5,5",
        "1,match.ended,,1,1",
    ]
    rule = ("segments", "--rule", "match.ended", "--breakdown", "country")
    assert await lines(*rule) == [
        "country,people,share_percent",
        "(all),6,100.0",
        "DE,6,",
    ]
    # One person is too few to be a number.
    assert await lines("segments", "--rule", "match.ended", "--rule", "match.left < 1") == [
        "people,share_percent",
        ",",
    ]
    both = await run(*rule, "--csv", "--json")
    assert (both.exit_code, both.stderr) == (2, "--json and --csv: only one of them\n")


async def test_a_mistake_is_named_by_its_option(home: Path) -> None:
    for arguments, words in {
        ("funnel", "--step", "match.ended", "--step", "match.lef"): "(--step, number 2): ",
        ("funnel", "--step", "match.ended", "--window", "400d"): "(--window): ",
        ("paths", "--after", "match.lef"): "(--after): ",
        ("segments", "--rule", "match.lef"): "(--rule, number 1): ",
        ("cohorts", "--period", "day", "--entry", "match.lef"): "(--entry): ",
    }.items():
        result = await run(*arguments)
        assert (result.exit_code, words in result.stderr) == (1, True), result.stderr
