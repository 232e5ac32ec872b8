"""`weir rollup backfill` and `weir rollup list` against a running service."""

import asyncio
import json

from typer.testing import CliRunner, Result

from cli.commands.rollup import app
from tests.integration.aggregate.conftest import Stores
from tests.integration.aggregate.test_verify import ADD_ONE, change, count, played
from tests.support.arena_catalog import APP


async def rollup(*arguments: str) -> Result:
    """The command in a thread, because the service is in this one."""
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, [*arguments, "--app", APP]))


async def test_a_wrong_number_is_found_and_repaired(stores: Stores, home: object) -> None:
    await count(stores, played("ann", mode=5))
    assert change(stores, ADD_ONE) == 1
    assert (await rollup("verify")).exit_code == 1
    done = await rollup("backfill", "--rollup", "matches", "--wait")
    assert (done.exit_code, done.stdout) == (0, "1 bucket to count again\ndone\n"), done.stderr
    assert (await rollup("verify")).exit_code == 0
    listed = [json.loads(line) for line in (await rollup("list", "--json")).stdout.splitlines()]
    assert [one["rollup"] for one in listed][:4] == ["activity", "events", "loot", "matches"]
    # As the catalog of the tests declares it, by hand.
    matches = listed[3]
    assert (matches["period"], matches["dimensions"]) == ("week", ["guild_id", "mode"])
    assert (matches["retention_days"], matches["dirty_buckets"]) == (None, 0)
    assert "matches" in (await rollup("list")).stdout
    unknown = await rollup("backfill", "--rollup", "machtes")
    assert unknown.exit_code != 0
