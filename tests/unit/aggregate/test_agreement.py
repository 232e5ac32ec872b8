"""What a process counts whose catalog declares rollups in another way than is adopted."""

from dataclasses import replace

from libs.catalog import Period
from services.aggregate.counting.agreement import disagreements
from services.aggregate.counting.batch_counter import BatchCounter
from services.aggregate.counting.definitions import Definition, definitions
from services.aggregate.counting.identity import CellIdentity
from services.aggregate.counting.known_members import KnownMembers
from tests.support.aggregate_batches import batch, event, seconds
from tests.support.aggregate_fakes import MemoryCountingStore
from tests.support.arena_catalog import APP, plan
from tests.support.clocks import FixedClock
from tests.support.pseudonyms import PSEUDONYMS

DECLARED = definitions(plan())
MATCHES = DECLARED[APP, "matches"]
LOOT = DECLARED[APP, "loot"]
AT = "2026-04-29T10:20:30"
MONDAY, DAY, HOUR = (seconds(one) for one in ("2026-04-27", "2026-04-29", "2026-04-29T10:00:00"))


def test_which_events_make_a_difference() -> None:
    assert disagreements(plan(), DECLARED) == {}
    # Of an app of which nothing is adopted, or not yet this rollup; and of another app.
    assert disagreements(plan(), {}) == {}
    others = {("other", "matches"): replace(MATCHES, shape=b"other")}
    assert disagreements(plan(), others) == {}
    adopted = {
        **DECLARED,
        (APP, "matches"): replace(MATCHES, shape=b"other", events=frozenset({"match.left"})),
        (APP, "loot"): replace(LOOT, events=frozenset({"match.ended", "match.won"})),
        (APP, "wins"): replace(LOOT, events=frozenset({"match.won"})),
    }
    found = {name: set(one.names) for name, one in disagreements(plan(), adopted).items()}
    assert found == {
        "matches": {"match.ended", "match.left"},
        "loot": {"match.won"},
        "wins": {"match.won"},
    }


class Old:
    """A process with the catalog of the tests, in a suite that has adopted another one."""

    def __init__(self) -> None:
        self.store = MemoryCountingStore()
        self.counter = BatchCounter(
            self.store, KnownMembers(100), CellIdentity(100), PSEUDONYMS, FixedClock.of_us()
        )

    def adopt(self, **changed: Definition) -> None:
        state = self.store.recounts
        adopted = {**DECLARED, **{(APP, name): one for name, one in changed.items()}}
        self.store.recounts = replace(state, epoch=state.epoch + 1, adopted=adopted)

    async def count(self, *names: str) -> set[str]:
        """The rollups that it has counted into."""
        self.store.cells.clear()
        self.store.measures.clear()
        self.store.members.clear()
        counted = batch(*(event(name, when=AT, player="p") for name in names))
        await self.counter.count([counted], {APP: plan()})
        return {cell.rollup for cell in self.store.cells.values()}


async def test_what_differs_is_marked_and_not_counted() -> None:
    old = Old()
    old.adopt()
    assert "matches" in await old.count("match.ended")
    # By the week that is adopted now, and of another rollup by the hour.
    old.adopt(
        matches=replace(MATCHES, shape=b"other", period=Period.MONTH),
        by_hour=replace(LOOT, period=Period.HOUR),
    )
    counted = await old.count("match.ended", "match.left")
    assert "events" in counted
    assert not counted & {"matches", "by_hour"}
    month = seconds("2026-04-01")
    assert old.store.outdated == {(APP, "matches", month), (APP, "by_hour", HOUR)}


async def test_only_events_that_make_a_difference_do() -> None:
    old = Old()
    everything = DECLARED[APP, "events"]
    # Another catalog has one event more.
    old.adopt(events=replace(everything, events=everything.events | {"match.won"}))
    assert "events" in await old.count("match.ended", "match.left")
    # Another one has one less: what it does not count is not marked.
    old.adopt(events=replace(everything, events=everything.events - {"match.left"}))
    assert "events" in await old.count("match.ended")
    assert "events" not in await old.count("match.left")
    assert old.store.outdated == set()
    assert "events" not in await old.count("match.ended", "match.left")
    assert old.store.outdated == {(APP, "events", HOUR)}
