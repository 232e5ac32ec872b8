"""`weir events` against a running service."""

import asyncio
import json
import uuid

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.integration.aggregate.conftest import Stores
from tests.support.arena_catalog import APP
from tests.support.stored_events import row, store


async def events(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    words = ["events", "--app", APP, *arguments]
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, words))


@pytest.fixture
def stored(stores: Stores, home: object) -> None:
    big = {"n": 9007199254740993, "f": 0.5, "whole": 3}
    store(
        stores.database_url,
        [
            row("match.left", "2026-04-27T10:00:00", "a", subject_id="ann", properties=big),
            row("match.ended", "2026-04-28T23:59:59", "b", group_id="g", country="DE"),
            row("match.left", "2026-04-30T00:00:00", "c", entity_type="match", entity_id="m1"),
        ],
    )


async def ids(*arguments: str) -> str:
    found = await events(*arguments, "--json")
    assert found.exit_code == 0, found.stderr
    return "".join(event["event_id"] for event in json.loads(found.stdout)["events"])


async def test_events_are_chosen_by_time_and_filter(stored: None) -> None:
    assert await ids() == "cba"
    assert await ids("--oldest-first") == "abc"
    assert await ids("--limit", "2") == "cb"
    assert await ids("--filter", "country = DE OR subject = ann") == "ba"
    # A date without a time is the whole day.
    assert await ids("--from", "2026-04-28", "--to", "2026-04-28") == "b"
    assert await ids("--to", "2026-04-28T23:59:59") == "a"
    assert await ids("--last", "366d") in ("", "cba")


async def test_json_has_all_of_an_event_and_whether_there_are_more(stored: None) -> None:
    found = json.loads((await events("--json", "--limit", "1", "--oldest-first")).stdout)
    assert found["more"] is True
    [event] = found["events"]
    assert event.pop("event_uuid")
    assert uuid.UUID(event.pop("person"))
    assert event == {
        "occurred_at": "2026-04-27T10:00:00Z",
        "received_at": "2026-04-27T10:00:00Z",
        "app_id": APP,
        "retention_class": "90d",
        "name": "match.left",
        "environment": "production",
        "event_id": "a",
        "subject_id": "ann",
        "ip_anonymized": True,
        "properties": {"n": 9007199254740993, "f": 0.5, "whole": 3},
    }


async def test_the_table_has_the_columns_in_which_there_is_something(
    stored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pipe has no width.
    monkeypatch.delenv("COLUMNS", raising=False)
    found = await events()
    assert found.exit_code == 0
    header = next(line for line in found.stdout.splitlines() if "occurred_at" in line)
    titles = [title.strip() for title in header.strip("┃").split("┃")]
    assert titles == [
        "occurred_at", "name", "subject", "event_id", "group_id", "entity", "country", "properties",
    ]  # fmt: skip
    assert "match m1" in found.stdout
    assert '{"f": 0.5, "n": 9007199254740993, "whole": 3}' in found.stdout
    assert found.stderr == ""
    first = await events("--limit", "1")
    assert first.stderr == "these are 1 event, and there are more: see --limit\n"
    monkeypatch.setenv("COLUMNS", "50")
    assert "--json and --csv have all" in (await events()).stderr
    header, *rows = (await events("--csv", "--oldest-first")).stdout.splitlines()
    assert header == "occurred_at,name,subject,event_id,group_id,entity,country,properties"
    assert rows[1] == "2026-04-28T23:59:59Z,match.ended,,b,g,,DE,"
    assert (await events("--filter", "name = none")).stdout == "no events\n"


async def test_mistakes_are_explained(stored: None) -> None:
    found = await events("--filter", "name = x AND\ncountri = DE")
    assert found.exit_code == 2
    assert found.stderr == (
        "--filter: `countri` is no field of an event; did you mean `country`?; an event's own values are"
        " properties.NAME\n  countri = DE\n  ^\n"
    )
    found = await events("--filter", "name =")
    assert (
        found.stderr == "--filter: expected a value after =, found the end\n  name =\n        ^\n"
    )
    both = await events("--last", "24h", "--from", "2026-04-27")
    assert (both.exit_code, both.stderr) == (2, "--last: not together with --from and --to\n")
    short = await events("--last", "5m")
    assert short.exit_code == 1
    assert short.stderr.startswith("ARGUMENT_INVALID (--last): must be a length of time from 1h")
    assert (await events("--from", "2026-04-28", "--to", "2026-04-26")).exit_code == 2


async def test_the_events_behind_a_cell(stores: Stores, home: object) -> None:
    when = "2026-04-28T10:00:00"
    store(
        stores.database_url,
        [
            row("match.ended", when, "a", group_id="g1", properties={"mode": 5}),
            row("match.ended", when, "b", group_id="g1", properties={"mode": "5"}),
            row("match.ended", when, "c", properties={}),
            row("match.left", when, "d", group_id="g1", properties={"mode": 5}),
        ],
    )
    # The bucket is the week from 2026-04-27 on.
    cell = ("--rollup", "matches", "--bucket", "2026-05-01")
    assert await ids(*cell, "--where", "guild_id=g1", "--where", "mode=5") == "a"
    assert await ids(*cell, "--where", "guild_id=g1", "--where", 'mode="5"') == "b"
    assert await ids(*cell, "--where", "guild_id=", "--where", "mode=") == "c"
    assert await ids(*cell, "--where", "guild_id=g2", "--where", "mode=") == ""
    missing = await events(*cell, "--where", "mode=5")
    assert missing.exit_code == 1
    assert "(--where): must have the rollup's dimensions: guild_id, mode" in missing.stderr
    timed = await events(*cell, "--last", "7d")
    assert (timed.exit_code, timed.stderr.split(":")[0]) == (2, "--rollup")
    assert (await events("--rollup", "matches")).stderr == "--rollup: needs --bucket\n"
    assert (await events("--where", "mode=5")).exit_code == 2
    assert (await events(*cell, "--where", "mode")).exit_code == 2
