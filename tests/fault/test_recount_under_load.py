"""Recounts while events of two apps arrive, late and repeated ones among them, and processes are killed: in
the end all numbers are what the stored events come to."""

import random
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from suite.home import Home
from suite.supervisor import Suite
from suite.table import SERVICES, Service
from tests.fault.conftest import SETTINGS
from tests.fault.recount_steps import STEPS, stopped_at
from tests.fault.two_apps import APPS, Loads, sql
from tests.fault.under_load import stored_events, under_way
from tests.support.arena_catalog import CATALOG, CHANGED
from tests.support.environment import without_settings
from tests.support.frozen import frozen
from tests.support.waiting import eventually, holds_in_time
from tests.support.weir_command import weir_process

pytestmark = [
    pytest.mark.fault,
    pytest.mark.xdist_group("fault"),
    pytest.mark.timeout(240, func_only=True),
]


@dataclass(frozen=True)
class Replica(Service):
    """One more process of a service."""

    of: str = ""

    @property
    def database_role(self) -> str:
        """Both log in as the same role."""
        return f"weir_{self.of}"


[AGGREGATE] = [service for service in SERVICES if service.name == "aggregate"]
SECOND = Replica(
    "aggregate2", AGGREGATE.module, 50063, 9476, AGGREGATE.health_name, of=AGGREGATE.name
)


def write(catalogs: Path, app_id: str, text: str) -> None:
    """In one step, as docs/catalog.md asks for."""
    new = catalogs / "new"
    new.write_text(text.replace("app_id: arena", f"app_id: {app_id}"))
    new.replace(catalogs / f"{app_id}.yaml")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A suite of two processes of aggregate, with two apps that have some thousand events."""
    home = Home(tmp_path_factory.mktemp("crowd"))
    catalogs = tmp_path_factory.mktemp("catalogs")
    for app_id in APPS:
        write(catalogs, app_id, CATALOG)
    environment = {
        **without_settings(),
        **SETTINGS,
        "WEIR_CATALOGS": str(catalogs),
        "WEIR_CATALOG_POLL_SECONDS": "0.2",
    }
    with Suite(home, environment, services=(*SERVICES, SECOND)) as running:
        with Loads(running, frame_events=200) as loads:
            eventually(lambda: stored_events(running) > 5_000)
        loads.check()
        yield running
    shutil.rmtree(home.path)


# `by_guild`, which `CHANGED` adds.
GUILDS = """
    SELECT date_trunc('day', occurred_at, 'UTC'), group_id, count(*), count(DISTINCT person)
    FROM enrich.events WHERE app_id = 'arena' AND name = 'match.ended' GROUP BY 1, 2 ORDER BY 1, 2
"""
COUNTED_GUILDS = """
    SELECT bucket, dimensions ->> 'guild_id', matches.count, players.count
    FROM aggregate.cells JOIN aggregate.measures AS matches USING (cell_id)
        JOIN aggregate.measures AS players USING (cell_id)
    WHERE app_id = 'arena' AND rollup = 'by_guild'
        AND matches.metric = 'matches' AND players.metric = 'players'
    ORDER BY 1, 2
"""
UNFINISHED = """
    SELECT rollup || ' ' || bucket || ' ' || dirty_reason FROM aggregate.buckets WHERE dirty_mark IS NOT NULL
    UNION ALL SELECT 'a recount of ' || rollup FROM aggregate.recounts
    UNION ALL SELECT 'an old cell' FROM aggregate.old_cells
    UNION ALL SELECT 'a cell being made' FROM aggregate.made_cells
"""
UNCOUNTED = """
    SELECT batch_id FROM enrich.batches WHERE batch_id NOT IN (SELECT batch_id FROM aggregate.batches)
"""
ENRICH_WAITS = """
    SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE relation = %s::regclass AND NOT granted AND application_name LIKE 'weir-enrich%%'
"""


def spoil(suite: Suite) -> None:
    """Wrong numbers in all cells: nothing but a recount repairs them."""
    sql(suite, "UPDATE aggregate.measures SET count = count + 1000")
    sql(suite, "DELETE FROM aggregate.members WHERE hashtext(member) %% 2 = 0")


def backfill(suite: Suite, *options: str) -> None:
    for app_id in APPS:
        asked = weir_process(suite.home.path, "rollup", "backfill", "--app", app_id, *options)
        assert asked.returncode == 0, asked.stdout + asked.stderr


def until_all_is_recounted(suite: Suite) -> None:
    assert holds_in_time(lambda: not sql(suite, UNFINISHED), 120), sql(suite, UNFINISHED)


@pytest.mark.parametrize("step", STEPS)
def test_the_other_replica_recounts_after_a_kill(crowd: Suite, step: str) -> None:
    spoil(crowd)
    with ExitStack() as stack:
        # So that it is the first one that recounts. It counts nothing yet, and so holds nothing.
        frozen_one = stack.enter_context(ExitStack())
        frozen_one.enter_context(frozen(crowd.pid(SECOND.name)))
        loads = stack.enter_context(Loads(crowd))
        url = crowd.addresses.database_url
        with stopped_at(url, step, lambda: backfill(crowd)) as reached:
            reached()
            crowd.kill("aggregate")
        frozen_one.close()
        until_all_is_recounted(crowd)
        crowd.restart("aggregate")
        assert under_way(crowd)
    loads.check()


def test_what_enrich_hands_on_after_a_recount_is_counted_once(crowd: Suite) -> None:
    spoil(crowd)
    with Loads(crowd) as loads:
        eventually(lambda: killed_before_it_hands_on(crowd))
        before = set(sql(crowd, UNCOUNTED))
        backfill(crowd, "--wait")
        # They are stored, so they are in the new cells.
        assert set(sql(crowd, UNCOUNTED)) == before
        crowd.restart("enrich")
        assert under_way(crowd)
    loads.check()
    assert not before & set(sql(crowd, UNCOUNTED))


def killed_before_it_hands_on(suite: Suite) -> bool:
    """Kills enrich after it has stored a batch; False if the batch was handed on nevertheless."""
    with Redis.from_url(suite.addresses.redis_url) as redis:
        try:
            with psycopg.connect(suite.addresses.database_url) as holder:
                holder.execute("LOCK TABLE enrich.batches IN SHARE MODE")
                eventually(lambda: sql(suite, ENRICH_WAITS, "enrich.batches"))
                redis.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
                [(stored,)] = sql(suite, "SELECT count(*) FROM enrich.batches")
            eventually(lambda: sql(suite, "SELECT count(*) FROM enrich.batches") > [(stored,)])
            suite.kill("enrich")
        finally:
            redis.execute_command("CLIENT", "UNPAUSE")
        eventually(lambda: is_drained(redis))
    if sql(suite, UNCOUNTED):
        return True
    suite.restart("enrich")
    return False


def is_drained(redis: Redis) -> bool:
    stream = "enrich:{0}:enriched"
    [group] = redis.xinfo_groups(stream)
    last = redis.xinfo_stream(stream)["last-generated-id"]
    return bool(group["pending"] == 0 and group["last-delivered-id"] == last)


def test_everything_at_once(crowd: Suite) -> None:
    """Backfills, late events, repeated events, a changed catalog, and kills of all that stores and counts."""
    randomness = random.Random(20261122)
    rollups = ("events", "activity", "matches", "watching", "scores")
    victims = ["aggregate", "enrich", SECOND.name, "enrich"]
    spoil(crowd)
    with Loads(crowd) as loads:
        for turn, victim in enumerate(victims):
            if turn == 2:
                write(Path(crowd.addresses.catalogs), "arena", CHANGED)
            assert under_way(crowd)
            # Of some rollups, the first time of all.
            chosen = randomness.sample(rollups, 3) if turn else ()
            backfill(crowd, *(option for name in chosen for option in ("--rollup", name)))
            crowd.kill(victim)
            crowd.restart(victim)
        eventually(lambda: sql(crowd, "SELECT 1 FROM aggregate.rollups WHERE rollup = 'by_guild'"))
        until_all_is_recounted(crowd)
        assert under_way(crowd)
    loads.check()
    assert sql(crowd, COUNTED_GUILDS) == sql(crowd, GUILDS) != []
