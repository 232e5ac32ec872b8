"""`weir rollup verify` against a running service."""

import asyncio
import json

from typer.testing import CliRunner, Result

from cli.commands.rollup import app
from tests.integration.aggregate.conftest import Stores
from tests.integration.aggregate.test_verify import ADD_ONE, DAY, change, count, played
from tests.support.arena_catalog import APP
from tests.support.recounted_events import store


async def verify(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    command = ["verify", "--app", APP, *arguments]
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, command))


async def test_what_it_prints_and_how_it_ends(stores: Stores, home: object) -> None:
    await count(stores, played("ann", mode=5))
    found = await verify()
    assert (found.exit_code, found.stdout) == (0, "3 cells compared, 0 differ\n"), found.stderr
    assert change(stores, ADD_ONE) == 1
    # The bucket is the week of the day.
    found = await verify("--rollup", "matches")
    line, last = found.stdout.splitlines()
    assert line.endswith("  matches  guild_id=g1  mode=5  matches (count): counted 2, recounted 1")
    assert (last, found.exit_code) == ("1 cell compared, 1 differ", 1)
    found = await verify("--json", "--rollup", "matches")
    difference, summary = map(json.loads, found.stdout.splitlines())
    assert difference["dimensions"] == {"guild_id": "g1", "mode": 5}
    assert (difference["counted"], difference["recounted"]) == (2, 1)
    assert summary == {
        "cells_compared": 1,
        "cells_different": 1,
        "cells_sealed": 0,
        "cells_unsettled": 0,
    }
    assert (await verify("--to", f"{DAY}T00:00", "--rollup", "activity")).stdout.startswith(
        "0 cells"
    )


async def test_cells_that_are_still_counted(stores: Stores, home: object) -> None:
    await count(stores, played("ann"))
    store(stores.database_url, played("bob"))
    found = await verify("--rollup", "activity", "--wait", "0")
    assert found.stdout == (
        "1 cell may differ: stored events are still being counted\n0 cells compared, 0 differ\n"
    )
    assert found.exit_code == 3


async def test_mistakes(home: object) -> None:
    found = await verify("--rollup", "match")
    assert (found.exit_code, found.stdout) == (1, "")
    assert "ROLLUP_UNKNOWN" in found.stderr
    assert (await verify("--from", "soon")).exit_code == 2
    assert (await verify("--wait", "601")).exit_code == 2
