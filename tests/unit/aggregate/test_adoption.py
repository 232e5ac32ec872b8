"""What a changed declaration of a rollup changes, and which of two replicas gives way."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from libs.catalog import Catalogs, Period, compile_catalog
from services.aggregate.adoption.adopter import Adopter
from services.aggregate.adoption.definition import (
    PATIENCE,
    UNKNOWN_PATIENCE,
    Adopted,
    Adoption,
    adoption,
    is_retired,
)
from services.aggregate.counting.definitions import Definition, RollupKey, definitions
from services.aggregate.counting.generations import BucketKey
from services.aggregate.plan import compile_plan
from services.aggregate.recount.model import Reason
from tests.support.arena_catalog import APP, CATALOG, plan
from tests.support.clocks import FixedClock

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEY = (APP, "loot")
ONE = Definition(b"1", Period.DAY, frozenset({"a", "b"}))


def decided(
    declared: Definition,
    adopted: Definition | None,
    *,
    age: timedelta = timedelta(0),
    is_first: bool = False,
    was_ours: bool = False,
) -> Adoption | None:
    before = None if adopted is None else Adopted(adopted, NOW - age, None)
    return adoption(
        KEY,
        declared,
        before,
        is_first=is_first,
        was_ours=was_ours,
        now=NOW,
    )


def test_what_is_counted_again() -> None:
    # A rollup that is new in an app that is known: all of its events.
    assert decided(ONE, None) == Adoption(KEY, ONE, frozenset("ab"))
    # In a new app, or in the first release that adopts, all is counted by this definition.
    assert decided(ONE, None, is_first=True) == Adoption(KEY, ONE, frozenset())
    assert decided(ONE, ONE) is None
    # One more event, one less: those alone.
    other = Definition(b"1", Period.DAY, frozenset({"b", "c"}))
    assert decided(other, ONE) == Adoption(KEY, other, frozenset("ac"))
    changed = Definition(b"2", Period.DAY, frozenset({"b", "c"}))
    assert decided(changed, ONE) == Adoption(KEY, changed, frozenset("abc"))


def test_replicas_with_two_catalogs_do_not_take_turns() -> None:
    new = Definition(b"2", Period.DAY, ONE.events)
    # What this process never saw adopted is new; what it did was changed by another one.
    assert decided(new, ONE) is not None
    assert decided(ONE, new, was_ours=True) is None
    assert decided(ONE, new, was_ours=True, age=PATIENCE) is not None


@pytest.mark.parametrize(("was_ours", "patience"), [(True, PATIENCE), (False, UNKNOWN_PATIENCE)])
def test_a_rollup_that_no_catalog_here_declares_is_retired(
    was_ours: bool, patience: timedelta
) -> None:
    """Ten minutes after it was adopted, or a day if it may be of a newer catalog."""

    def retired(age: timedelta, retired_at: datetime | None = None) -> bool:
        return is_retired(Adopted(ONE, NOW - age, None, retired_at), was_ours=was_ours, now=NOW)

    assert not retired(patience)
    assert retired(patience + timedelta(seconds=1))
    assert not retired(patience + timedelta(days=9), retired_at=NOW)


class MemoryDefinitions:
    """Implements `adoption.ports.Definitions`."""

    def __init__(self) -> None:
        self.adopted: dict[RollupKey, Adopted] = {}

    async def read(self) -> Mapping[RollupKey, Adopted]:
        return dict(self.adopted)

    async def adopt(self, adoptions: Sequence[Adoption]) -> None:
        for one in adoptions:
            self.adopted[one.key] = Adopted(one.definition, NOW, one.names or None)

    async def retire(self, keys: Sequence[RollupKey]) -> None:
        for key in keys:
            self.adopted[key] = replace(self.adopted[key], retired_at=NOW)

    async def marked(self, key: RollupKey, adopted: Adopted) -> None:
        self.adopted[key] = replace(adopted, pending=None)


class NoMarks:
    """Implements `adoption.ports.Marks` for an app without events."""

    async def days_of(
        self, app_id: str, rollup: str, names: Set[str], *, with_cells: bool
    ) -> Set[datetime]:
        return set()

    async def mark(self, buckets: Sequence[BucketKey], reason: Reason) -> None:
        raise AssertionError


async def test_the_metric_counts_rollups_on_which_catalogs_disagree() -> None:
    definitions_of = MemoryDefinitions()
    catalogs = Catalogs.of(compile_catalog(CATALOG, "arena.yaml"))
    adopter = Adopter(catalogs, definitions_of, NoMarks(), FixedClock(NOW))

    async def disagreeing() -> float | None:
        await adopter.adopt()
        return REGISTRY.get_sample_value("weir_aggregate_catalogs_disagree")

    assert await disagreeing() == 0
    # Declared in another way than another process has had adopted, and not declared here.
    definitions_of.adopted[KEY] = Adopted(ONE, NOW, None)
    definitions_of.adopted[APP, "by_guild"] = Adopted(ONE, NOW, None)
    assert await disagreeing() == 2
    # Of an app that this process does not know, and one that has left the catalogs.
    definitions_of.adopted["chess", "games"] = Adopted(ONE, NOW, None)
    definitions_of.adopted[APP, "by_guild"] = Adopted(ONE, NOW, None, retired_at=NOW)
    assert await disagreeing() == 1


def test_what_is_part_of_a_definition() -> None:
    before = definitions(plan())

    def changed(old: str, new: str) -> set[str]:
        assert old in CATALOG
        text = CATALOG.replace(old, new, 1)
        if "properties.mode]" not in text:
            # Nothing is left to label.
            text = text[: text.index("labels:")]
        after = definitions(compile_plan(compile_catalog(text, "arena.yaml")))
        return {key[1] for key in after if after[key] != before.get(key)}

    assert changed("Arena", "Other") == set()
    assert changed("A player leaves", "Somebody leaves") == set()
    assert changed("period: week", "period: day") == {"matches"}
    assert changed("[guild_id, properties.mode]", "[guild_id]") == {"matches"}
    # The least and the greatest number are stored in any case.
    assert changed("{max: properties.score}", "{min: properties.score}") == set()
    assert changed("{max: properties.score}", "{last: properties.score}") == {"matches"}
    assert changed("{distinct: properties.loot.item}", "count") == {"loot"}
    assert changed("rollups:\n", "  match.won: {category: play}\nrollups:\n") == {
        "events",
        "activity",
        "scores",
    }
